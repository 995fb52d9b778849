import { existsSync } from "node:fs";

/** Where systems put Chromium or Chrome; TEST_CHROMIUM names another. */
const PLACES = [
  process.env["TEST_CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/snap/bin/chromium",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** The path of the browser that the page is tested in, if there is one. */
export const findChromium = (): string | undefined =>
  PLACES.find((path) => path !== "" && existsSync(path));
