/**
 * What `open` of a LangChain class is given, apart: its `fields`, as they are named, and the rest, which are settings. Whatever is named nowhere is
 * among these, where it is refused.
 */
export function splitOptions<Options extends object, Field extends keyof Options>(
  options: Options,
  fields: Readonly<Record<Field, true>>,
): { readonly fields: Pick<Options, Field>; readonly settings: Omit<Options, Field> } {
  const entries = Object.entries(options);
  const isField = ([name]: [string, unknown]) => Object.hasOwn(fields, name);
  return {
    fields: Object.fromEntries(entries.filter(isField)) as Pick<Options, Field>,
    settings: Object.fromEntries(entries.filter((one) => !isField(one))) as Omit<Options, Field>,
  };
}
