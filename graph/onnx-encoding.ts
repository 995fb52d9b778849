import onnxProto from "onnx-proto";
import { RagError } from "../core/index.ts";
import type { Graph, Initializer } from "./graph.ts";
import type { Node } from "./operator.ts";
import { usedNodes } from "./used-nodes.ts";
import type { Attribute, ElementType, TensorType, Value } from "./value.ts";

const { onnx } = onnxProto;
const OPSET = 17;
const CONTRIB_DOMAIN = "com.microsoft";
const IR_VERSION = 8;
/** TensorProto.DataType @see onnx.proto */
const DATA_TYPES: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
const EXTERNAL = 1;
/** Inputs that are attributes in the builder only: the operator takes them as a tensor. */
const BUILDER_ONLY: Readonly<Record<string, readonly string[]>> = {
  ReduceSum: ["axes"],
  TopK: ["count"],
};

/**
 * The graph as an ONNX model file. Nodes and constants that no output needs are left out.
 * @throws RagError graph/shape when the graph has no outputs
 * @see onnx/onnx.proto, IR version 8, opset 17
 */
export function encodeOnnx(graph: Graph): Uint8Array {
  if (graph.outputs.size === 0) throw new RagError("graph/shape", "graph: has no outputs");
  const nodes = usedNodes(graph);
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const name = publicNames(graph);
  const message = onnx.ModelProto.create({
    irVersion: IR_VERSION,
    producerName: "foreword",
    opsetImport: [
      { domain: "", version: OPSET },
      { domain: CONTRIB_DOMAIN, version: 1 },
    ],
    graph: {
      name: "graph",
      node: nodes.map((node) => encodeNode(node, used, name)),
      initializer: graph.initializers
        .filter(({ value }) => used.has(value))
        .map((initializer) => encodeInitializer(initializer)),
      input: graph.inputs.map((value) => encodeValue(value.name, value)),
      output: [...graph.outputs].map(([publicName, value]) => encodeValue(publicName, value)),
    },
  });
  return onnx.ModelProto.encode(message).finish();
}

function publicNames(graph: Graph): (value: Value) => string {
  const renamed = new Map([...graph.outputs].map(([name, value]) => [value, name]));
  return (value) => renamed.get(value) ?? value.name;
}

function encodeNode(
  node: Node,
  used: ReadonlySet<Value | undefined>,
  name: (value: Value) => string,
): object {
  const { operator, attributes } = node;
  const hidden = BUILDER_ONLY[operator.type] ?? [];
  return {
    opType: operator.type,
    domain: operator.domain ?? "",
    name: node.outputs[0]!.name,
    input: node.inputs.map((value) => (value ? name(value) : "")),
    output: operator.hasOptionalOutputs
      ? trimUnused(node.outputs, used, name)
      : node.outputs.map(name),
    attribute: Object.entries(attributes)
      .filter(([key]) => !hidden.includes(key))
      .map(([key, value]) => encodeAttribute(key, value)),
  };
}

/** Optional outputs nobody reads are not asked for, so that the operator need not compute them. */
function trimUnused(
  outputs: readonly Value[],
  used: ReadonlySet<Value | undefined>,
  name: (value: Value) => string,
): string[] {
  const isWanted = (value: Value, index: number) =>
    index === 0 || used.has(value) || name(value) !== value.name;
  const last = outputs.findLastIndex(isWanted);
  return outputs.slice(0, last + 1).map(name);
}

function encodeAttribute(name: string, value: Attribute): object {
  const types = onnx.AttributeProto.AttributeType;
  if (typeof value === "number") return { name, type: types.INT, i: value };
  if (typeof value === "string") return { name, type: types.STRING, s: Buffer.from(value) };
  if ("float" in value) return { name, type: types.FLOAT, f: value.float };
  return { name, type: types.INTS, ints: [...value] };
}

function encodeInitializer(initializer: Initializer): object {
  const { value } = initializer;
  const base = { name: value.name, dims: [...value.shape], dataType: DATA_TYPES[value.type] };
  if ("bytes" in initializer) return { ...base, rawData: initializer.bytes };
  const { file, offset, byteLength } = initializer.external;
  return {
    ...base,
    dataLocation: EXTERNAL,
    externalData: [
      { key: "location", value: file },
      { key: "offset", value: String(offset) },
      { key: "length", value: String(byteLength) },
    ],
  };
}

function encodeValue(name: string, { type, shape }: TensorType): object {
  const dim = shape.map((dimension) =>
    typeof dimension === "number" ? { dimValue: dimension } : { dimParam: dimension },
  );
  return { name, type: { tensorType: { elemType: DATA_TYPES[type], shape: { dim } } } };
}
