// The compiler's model checker on one import-light file: node scripts/smt.js FILE CONTRACT [chc|bmc]
// chc: all inputs in all reachable states. bmc: all inputs, any state, loops unrolled; for sets of bits, which chc is slow at.
// Prints JSON: {"proved": [..], "open": [..], "errors": [..]}. Queries go to the native z3 on PATH, about ten times faster than
// the one inside the emscripten compiler. There is no timeout key on purpose: it needs threads, which that build lacks;
// z3's own resource limit ends a query the same way on every machine.
"use strict";
const { execFileSync } = require("child_process");
const fs = require("fs");
const path = require("path");

const root = path.dirname(__dirname);
const solc = require(path.join(root, "node_modules", "solc"));
const [file, contract, engine = "chc"] = process.argv.slice(2);

const Z3 = ["-smt2", "-in", "rlimit=40000000", "rewriter.pull_cheap_ite=true", "fp.spacer.q3.use_qgen=true",
  "fp.spacer.mbqi=false", "fp.spacer.ground_pobs=false"];

function smtSolver(query) {
  try {
    return { contents: execFileSync("z3", Z3, { input: query, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["pipe", "pipe", "ignore"] }) };
  } catch (error) {
    // z3 leaves with 1 after "unknown" or when a model is asked for that does not exist; its answer still stands.
    return error.stdout ? { contents: error.stdout } : { error: String(error.message) };
  }
}

function read(name) {
  const found = [path.join(root, name), path.join(root, "node_modules", name)].find((candidate) => fs.existsSync(candidate));
  return found ? { contents: fs.readFileSync(found, "utf8") } : { error: `File not found: ${name}` };
}

const settings = {
  modelChecker: {
    contracts: { [file]: [contract] },
    engine,
    solvers: ["smtlib2"],
    targets: ["assert", "underflow", "overflow", "divByZero", "outOfBounds"],
    showProvedSafe: true,
    showUnproved: true,
    showUnsupported: true,
    invariants: ["contract"],
  },
  outputSelection: { "*": { "*": [] } },
};
const input = { language: "Solidity", sources: { [file]: { content: fs.readFileSync(path.join(root, file), "utf8") } }, settings };
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read, smtSolver }));

const report = { proved: [], open: [], errors: [] };
for (const item of output.errors || []) {
  const where = item.sourceLocation ? `${item.sourceLocation.file}:${item.sourceLocation.start}` : "";
  const line = `${item.message.split("\n")[0]} ${where}`.trim();
  if (/check is safe/.test(item.message)) report.proved.push(line);
  else if (item.severity === "error") report.errors.push(item.formattedMessage);
  else if (/happens here|might happen|could not be proved|not supported|unsupported|not implemented|Error trying/i.test(item.message)) {
    report.open.push(item.formattedMessage);
  }
}
process.stdout.write(JSON.stringify(report) + "\n");
