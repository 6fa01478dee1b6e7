// Bundles the page: node build.mjs TREE NODE_MODULES OUT. Called by scripts/console. With a fourth argument, a file of TREE, it makes
// OUT/checks.mjs of that file instead, for node: the tests' way to the page's modules.
import { copyFile, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const [tree, modules, out, checks] = process.argv.slice(2);
const require = createRequire(join(modules, "x.js"));
const esbuild = require("esbuild");
const yaml = require("yaml");
const web = join(tree, "gateway/console/web");

const UNITS = { s: 1, m: 60, h: 3600 };
const seconds = (text) => (text ? Number(text.slice(0, -1)) * UNITS[text.at(-1)] : 0);

/** The alert rules' names and texts, as a module. */
const alerts = {
  name: "alerts",
  setup(build) {
    build.onResolve({ filter: /^alerts:rules$/ }, (args) => ({ path: args.path, namespace: "alerts" }));
    build.onLoad({ filter: /.*/, namespace: "alerts" }, async () => {
      const file = yaml.parse(await readFile(join(tree, "config/prometheus/alerts.yaml"), "utf8"));
      const rules = file.groups.flatMap((group) => group.rules).map((rule) => ({
        alert: rule.alert,
        severity: rule.labels.severity,
        description: rule.annotations.description,
        for_s: seconds(rule.for),
      }));
      return { contents: JSON.stringify(rules), loader: "json" };
    });
  },
};

await esbuild.build({
  entryPoints: [checks ? join(tree, checks) : join(web, "main.ts")],
  outfile: join(out, checks ? "checks.mjs" : "console.js"),
  bundle: true,
  minify: !checks,
  format: "esm",
  target: "es2022",
  platform: checks ? "node" : "browser",
  legalComments: "inline", // the chart library's licence stays with it
  nodePaths: [modules],
  plugins: [alerts],
  logLevel: "warning",
});
for (const file of checks ? [] : ["index.html", "icon.svg"]) await copyFile(join(web, file), join(out, file));
