/** Element types a graph can hold. */
export type ElementType = "float32" | "float16" | "int64" | "int32" | "uint8" | "int8" | "bool";

/**
 * One dimension: a number, or a letter for what is known only when the graph runs. Letters of this
 * repository: B batch, T tokens, V vocabulary, H hidden width, F feed-forward width, N heads, K virtual
 * tokens, D retrieval-vector width, P passages. Two symbols are the same dimension if they are equal.
 */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

export interface TensorType {
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A tensor inside a graph: what one node produces and others read. Identity is the object itself. */
export interface Value extends TensorType {
  readonly name: string;
}

/** Attributes of an operator; integers and floats differ in ONNX, so floats are wrapped by {@link float}. */
export type Attribute = number | readonly number[] | string | FloatAttribute;
export type Attributes = Readonly<Record<string, Attribute>>;

export interface FloatAttribute {
  readonly float: number;
}

export const float = (value: number): FloatAttribute => ({ float: value });

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);

export const describe = (value: TensorType): string => `${value.type}[${value.shape.join(", ")}]`;
