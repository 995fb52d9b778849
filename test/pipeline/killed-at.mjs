// Preloaded into a process that is to die at the same place on every machine: it kills itself when it has said TEST_KILLED_AT.
const place = process.env["TEST_KILLED_AT"];
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (text, ...rest) => {
  const isTaken = write(text, ...rest);
  if (String(text).includes(place)) process.kill(process.pid, "SIGKILL");
  return isTaken;
};
