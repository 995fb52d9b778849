import { RagError } from "../../core/index.ts";

/** What a pickle says, as data. Nothing in it is called: a function with its arguments stays a description. */
export type Pickled =
  | number
  | string
  | boolean
  | null
  | { readonly kind: "tuple"; readonly items: readonly Pickled[] }
  /** `module name`, looked up nowhere. */
  | { readonly kind: "global"; readonly name: string }
  /** A persistent id: in torch files the storage of a tensor. */
  | { readonly kind: "reference"; readonly id: Pickled }
  | { readonly kind: "call"; readonly callee: string; readonly items: readonly Pickled[] };

const MAX_STEPS = 10_000;
const MAX_TEXT_BYTES = 4096;

/**
 * Parses the opcodes that `torch.save` writes for a tensor, and no other. Names outside `globals` are refused.
 * `source` names the file in errors.
 * @throws RagError file/invalid for another opcode, a name not allowed, or data that ends early
 * @see Python, Lib/pickletools.py
 */
export function parsePickle(
  bytes: Uint8Array,
  globals: ReadonlySet<string>,
  source: string,
): Pickled {
  const machine = new PickleMachine(bytes, globals, source);
  for (let step = 0; step < MAX_STEPS; step++) {
    const done = machine.step();
    if (done !== undefined) return done.value;
  }
  throw refuse(source, `more than ${MAX_STEPS} steps`);
}

const MARK = Symbol("mark");

/** The stack machine of the pickle format; every operation only builds descriptions. */
class PickleMachine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #globals: ReadonlySet<string>;
  readonly #source: string;
  readonly #stack: (Pickled | typeof MARK)[] = [];
  readonly #memo = new Map<number, Pickled>();
  #position = 0;

  constructor(bytes: Uint8Array, globals: ReadonlySet<string>, source: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#globals = globals;
    this.#source = source;
  }

  /** One opcode; the finished value at the end. */
  step(): { readonly value: Pickled } | undefined {
    const opcode = this.#take(1)[0]!;
    if (opcode === 0x2e) return { value: this.#pop() };
    const operation = OPERATIONS[opcode];
    if (!operation) throw refuse(this.#source, `opcode 0x${opcode.toString(16)}`);
    operation(this.#access);
    return undefined;
  }

  readonly #access: Access = {
    push: (value) => this.#stack.push(value),
    pop: () => this.#pop(),
    mark: () => this.#stack.push(MARK),
    popToMark: () => this.#popToMark(),
    byte: () => this.#take(1)[0]!,
    uint16: () => this.#number(2, (at) => this.#view.getUint16(at, true)),
    int32: () => this.#number(4, (at) => this.#view.getInt32(at, true)),
    uint32: () => this.#number(4, (at) => this.#view.getUint32(at, true)),
    text: (length) => this.#text(length),
    line: () => this.#line(),
    long: (length) => this.#long(length),
    remember: (slot) => {
      const top = this.#pop();
      this.#memo.set(slot, top);
      this.#stack.push(top);
    },
    memoSize: () => this.#memo.size,
    recall: (slot) => {
      const known = this.#memo.get(slot);
      if (known === undefined) throw refuse(this.#source, `an unknown memo ${slot}`);
      this.#stack.push(known);
    },
    global: (name) => {
      if (!this.#globals.has(name)) {
        throw refuse(this.#source, `the name ${JSON.stringify(name.slice(0, 80))}`);
      }
      this.#stack.push({ kind: "global", name });
    },
    refuse: (found) => refuse(this.#source, found),
  };

  #take(count: number): Uint8Array {
    const end = this.#position + count;
    if (end > this.#bytes.length) throw refuse(this.#source, "data that ends early");
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }

  #number(size: number, read: (at: number) => number): number {
    const at = this.#position;
    this.#take(size);
    return read(at);
  }

  #text(length: number): string {
    if (length > MAX_TEXT_BYTES) throw refuse(this.#source, `a text of ${length} bytes`);
    return new TextDecoder().decode(this.#take(length));
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw refuse(this.#source, "data that ends early");
    const text = this.#text(end - this.#position);
    this.#take(1);
    return text;
  }

  /** A little-endian two's complement number that must be exact. */
  #long(length: number): number {
    if (length > 8) throw refuse(this.#source, `a number of ${length} bytes`);
    let value = 0n;
    const bytes = this.#take(length);
    for (const [index, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * index);
    const number = Number(BigInt.asIntN(Math.max(8, 8 * length), value));
    if (!Number.isSafeInteger(number)) throw refuse(this.#source, `the number ${number}`);
    return number;
  }

  #pop(): Pickled {
    const top = this.#stack.pop();
    if (top === undefined || top === MARK) throw refuse(this.#source, "an empty stack");
    return top;
  }

  #popToMark(): Pickled[] {
    const from = this.#stack.lastIndexOf(MARK);
    if (from < 0) throw refuse(this.#source, "no mark");
    return this.#stack.splice(from).slice(1) as Pickled[];
  }
}

interface Access {
  readonly push: (value: Pickled) => void;
  readonly pop: () => Pickled;
  readonly mark: () => void;
  readonly popToMark: () => Pickled[];
  readonly byte: () => number;
  readonly uint16: () => number;
  readonly int32: () => number;
  readonly uint32: () => number;
  readonly text: (length: number) => string;
  readonly line: () => string;
  readonly long: (length: number) => number;
  readonly remember: (slot: number) => void;
  readonly memoSize: () => number;
  readonly recall: (slot: number) => void;
  readonly global: (name: string) => void;
  readonly refuse: (found: string) => RagError;
}

const tuple = (items: readonly Pickled[]): Pickled => ({ kind: "tuple", items });

function popMany(access: Access, count: number): Pickled[] {
  return Array.from({ length: count }, () => access.pop()).reverse();
}

/** The opcodes by number. Those that could run or import anything are not here. */
const OPERATIONS: Readonly<Record<number, (access: Access) => void>> = {
  128: (a) => void a.byte(), // PROTO
  149: (a) => void a.long(8), // FRAME
  40: (a) => a.mark(), // MARK
  41: (a) => a.push(tuple([])), // EMPTY_TUPLE
  116: (a) => a.push(tuple(a.popToMark())), // TUPLE
  133: (a) => a.push(tuple(popMany(a, 1))), // TUPLE1
  134: (a) => a.push(tuple(popMany(a, 2))), // TUPLE2
  135: (a) => a.push(tuple(popMany(a, 3))), // TUPLE3
  78: (a) => a.push(null), // NONE
  136: (a) => a.push(true), // NEWTRUE
  137: (a) => a.push(false), // NEWFALSE
  74: (a) => a.push(a.int32()), // BININT
  75: (a) => a.push(a.byte()), // BININT1
  77: (a) => a.push(a.uint16()), // BININT2
  138: (a) => a.push(a.long(a.byte())), // LONG1
  88: (a) => a.push(a.text(a.uint32())), // BINUNICODE
  140: (a) => a.push(a.text(a.byte())), // SHORT_BINUNICODE
  113: (a) => a.remember(a.byte()), // BINPUT
  114: (a) => a.remember(a.uint32()), // LONG_BINPUT
  148: (a) => a.remember(a.memoSize()), // MEMOIZE
  104: (a) => a.recall(a.byte()), // BINGET
  106: (a) => a.recall(a.uint32()), // LONG_BINGET
  99: (a) => a.global(`${a.line()} ${a.line()}`), // GLOBAL
  147: (a) => {
    const [module, name] = popMany(a, 2); // STACK_GLOBAL
    a.global(`${String(module)} ${String(name)}`);
  },
  81: (a) => a.push({ kind: "reference", id: a.pop() }), // BINPERSID
  82: (a) => {
    const [callee, items] = popMany(a, 2); // REDUCE: noted, never called
    if (!isKind(callee, "global") || !isKind(items, "tuple")) throw a.refuse("a strange call");
    a.push({ kind: "call", callee: callee.name, items: items.items });
  },
};

type Kinds = Extract<Pickled, { kind: string }>;

/** Whether a value is a description of this kind. */
export function isKind<Kind extends Kinds["kind"]>(
  value: Pickled | undefined,
  kind: Kind,
): value is Extract<Kinds, { kind: Kind }> {
  return typeof value === "object" && value !== null && value.kind === kind;
}

function refuse(source: string, found: string): RagError {
  return new RagError(
    "file/invalid",
    `${source}: expected the pickle of one torch tensor, found ${found}; it is read as data and never run, so nothing else is accepted. Save the tensor alone with torch.save.`,
  );
}
