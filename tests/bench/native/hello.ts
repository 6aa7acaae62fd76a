// The floor under everything that Bun compiles. With an argument it stays.
console.log("hello");
if (process.argv.length > 2) setInterval(() => undefined, 1_000_000_000);
