// Files that are embedded as text, by endings that neither TypeScript nor Bun's types know.
declare module "*.service" {
  const text: string;
  export default text;
}
declare module "*.catalog" {
  const text: string;
  export default text;
}
