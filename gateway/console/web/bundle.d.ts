// Modules that scripts/console makes.
declare module "alerts:rules" {
  const rules: import("./alerts").Rule[];
  export default rules;
}
declare module "*.css";
