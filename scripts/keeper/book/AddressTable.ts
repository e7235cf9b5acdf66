/** 32-bit words of an address. */
const WORDS = 5;
const EMPTY = -1;
/** The most slots that are sorted: as many as fit beside 32 bits. */
const INDICES = 2 ** 21;

/**
 * Gives each address a small number, its slot: a hash table with open addressing over 20 bytes an address, where a `Map` of
 * strings takes 150. Slots of removed addresses are given out again.
 */
export class AddressTable {
  private words = new Uint32Array(16 * WORDS);
  /** Slots by hash; at most half of it is used, so that a search ends soon. */
  private table = new Int32Array(32).fill(EMPTY);
  private readonly free: number[] = [];
  private used = 0;
  private readonly sought = new Uint32Array(WORDS);

  /** Above every slot that was given out. */
  get slots(): number {
    return this.used;
  }

  /** The address's slot; undefined where it has none. @param address 0x and 40 hex digits, in any case. */
  find(address: string): number | undefined {
    this.parse(address);
    const slot = this.table[this.placeOfSought()] ?? EMPTY;
    return slot === EMPTY ? undefined : slot;
  }

  /** The address's slot, given out now where it had none. */
  add(address: string): number {
    this.parse(address);
    let place = this.placeOfSought();
    const known = this.table[place] ?? EMPTY;
    if (known !== EMPTY) return known;
    const slot = this.free.pop() ?? this.used++;
    if (slot * WORDS >= this.words.length) this.words = grown(this.words);
    this.words.set(this.sought, slot * WORDS);
    if (2 * (this.used - this.free.length) > this.table.length) {
      this.rehash();
      place = this.placeOfSought();
    }
    this.table[place] = slot;
    return slot;
  }

  /** Takes the slot back. */
  remove(slot: number): void {
    this.sought.set(this.words.subarray(slot * WORDS, slot * WORDS + WORDS));
    const mask = this.table.length - 1;
    let hole = this.placeOfSought();
    if (this.table[hole] !== slot) return;
    // whatever was pushed past the hole by a collision moves back into it
    for (let place = (hole + 1) & mask; ; place = (place + 1) & mask) {
      const other = this.table[place] ?? EMPTY;
      if (other === EMPTY) break;
      const wanted = this.hashOf(this.words, other * WORDS) & mask;
      if (((place - wanted) & mask) < ((place - hole) & mask)) continue;
      this.table[hole] = other;
      hole = place;
    }
    this.table[hole] = EMPTY;
    this.free.push(slot);
  }

  /** The address of a slot, in lower case. */
  address(slot: number): string {
    return textOf(this.words, slot);
  }

  /** The addresses of all slots as they are now, whatever becomes of the slots. */
  copy(): Addresses {
    return new Addresses(this.words.slice(0, this.used * WORDS));
  }

  /** Orders two slots by address. */
  compare(a: number, b: number): number {
    for (let i = 0; i < WORDS; i++) {
      const difference = (this.words[a * WORDS + i] ?? 0) - (this.words[b * WORDS + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private parse(address: string): void {
    for (let i = 0; i < WORDS; i++) this.sought[i] = Number.parseInt(address.slice(2 + 8 * i, 10 + 8 * i), 16);
  }

  /** Where the sought address is in the table, or where it would be put. */
  private placeOfSought(): number {
    const mask = this.table.length - 1;
    let place = this.hashOf(this.sought, 0) & mask;
    for (;;) {
      const slot = this.table[place] ?? EMPTY;
      if (slot === EMPTY || this.isSought(slot)) return place;
      place = (place + 1) & mask;
    }
  }

  private isSought(slot: number): boolean {
    for (let i = 0; i < WORDS; i++) if (this.words[slot * WORDS + i] !== this.sought[i]) return false;
    return true;
  }

  private hashOf(words: Uint32Array, from: number): number {
    let hash = 0;
    for (let i = 0; i < WORDS; i++) hash = Math.imul(hash ^ (words[from + i] ?? 0), 0x9e3779b1);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  private rehash(): void {
    const before = this.table;
    this.table = new Int32Array(before.length * 2).fill(EMPTY);
    const mask = this.table.length - 1;
    for (const slot of before) {
      if (slot === EMPTY) continue;
      let place = this.hashOf(this.words, slot * WORDS) & mask;
      while (this.table[place] !== EMPTY) place = (place + 1) & mask;
      this.table[place] = slot;
    }
  }
}

/** A copy of a table's addresses. */
export class Addresses {
  constructor(private readonly words: Uint32Array) {}

  /** The address of a slot, in lower case. */
  address(slot: number): string {
    return textOf(this.words, slot);
  }

  /** Sorts slots by the first 32 bits of their addresses, in place. */
  sort(slots: Int32Array): void {
    if (slots.length > INDICES) return;
    const keys = new Float64Array(slots.length);
    // both fit into the 53 bits of a number; a sort of numbers takes no calls
    for (let i = 0; i < slots.length; i++) keys[i] = (this.words[(slots[i] ?? 0) * WORDS] ?? 0) * INDICES + i;
    keys.sort();
    const before = slots.slice();
    for (let i = 0; i < slots.length; i++) slots[i] = before[(keys[i] ?? 0) % INDICES] ?? 0;
  }
}

function grown(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(words.length * 2);
  more.set(words);
  return more;
}

function textOf(words: Uint32Array, index: number): string {
  let text = "0x";
  for (let i = 0; i < WORDS; i++) text += (words[index * WORDS + i] ?? 0).toString(16).padStart(8, "0");
  return text;
}
