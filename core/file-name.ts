/** Whether a name is a plain file's or folder's on every system: no folder before it, nothing hidden, no reserved character or device. */
export function isPlainFileName(name: string): boolean {
  return (
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    !/[/\\<>:"|?*\u0000-\u001f\u007f]/.test(name) &&
    !/^\.|[. ]$|^\s/.test(name) &&
    !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name)
  );
}
