// Reads lines of {secret, headers, body, when}, and says of each whether npm's standardwebhooks takes it at that time.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body, when } = JSON.parse(line);
  Date.now = () => when * 1000;
  try {
    new Webhook(secret).verify(body, headers);
    console.log("taken");
  } catch (error) {
    console.log(error.message);
  }
}
