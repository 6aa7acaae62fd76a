import { expect, test } from "bun:test";
import { findNodeName } from "../../../src/kubernetes/node-name.ts";

const auto = { nodeName: "auto", commonName: null, env: {}, hostname: "Host-7.Example\n" };

test.each([
  ["the setting", { ...auto, nodeName: "set", commonName: "system:node:cert" }, "set"],
  [
    "the kubelet's certificate",
    { ...auto, commonName: "system:node:cert", env: { NODE_NAME: "env" } },
    "cert",
  ],
  ["NODE_NAME beside another certificate", { ...auto, commonName: "bob", env: { NODE_NAME: "env" } }, "env"],
  [
    "NODE_NAME beside a certificate of no node's name",
    { ...auto, commonName: "system:node:", env: { NODE_NAME: "env" } },
    "env",
  ],
  ["the hostname, as kubelet writes it", auto, "host-7.example"],
  ["the hostname when NODE_NAME can be none", { ...auto, env: { NODE_NAME: "../x" } }, "host-7.example"],
])("comes from %s", (_, options, name) => {
  expect(findNodeName(options)).toBe(name);
});
