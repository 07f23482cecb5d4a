// tus-js-client, as it is, sends a file.
//
//   cd target/players && node ../../tests/tus/sender.mjs '{"endpoint": …, "file": …, "pause_at": …, "parts": …}'
//
// The library is taken from the current folder, where `make tools` has put it. With `pause_at`, it says
// `half` before the chunk of that number and waits for a line; the server may be ended and started
// again meanwhile. `parts` are sent side by side and joined. Prints the address of the upload.

import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

const { Upload } = createRequire(join(process.cwd(), "package.json"))("tus-js-client");
const told = JSON.parse(process.argv[2]);
let chunks = 0;

async function pause(request) {
  if (request.getMethod() !== "PATCH" || ++chunks !== told.pause_at) return;
  console.log("half");
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => lines.once("line", resolve));
  lines.close();
}

const upload = new Upload(createReadStream(told.file), {
  endpoint: told.endpoint,
  chunkSize: told.parts ? Infinity : 200_000,
  parallelUploads: told.parts ?? 1,
  metadata: { filename: basename(told.file), title: "Sent by tus-js-client" },
  retryDelays: Array(2400).fill(250),
  onBeforeRequest: pause,
  onError(error) {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess() {
    console.log(upload.url);
    process.exit(0);
  },
});
upload.start();
