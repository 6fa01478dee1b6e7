// Fills the shard's values into user-data.yaml. A name that is missing or left over is an error, not an empty string.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../user-data.yaml", import.meta.url));

export function userData(values: Record<string, string>): string {
    const used = new Set<string>();
    const text = readFileSync(FILE, "utf-8").replace(/\$\{([a-zA-Z]+)\}/g, (_, name: string) => {
        if (!(name in values)) throw new Error(`user-data.yaml: nobody gives \${${name}}`);
        used.add(name);
        return values[name];
    });
    const idle = Object.keys(values).filter((name) => !used.has(name));
    if (idle.length > 0) throw new Error(`user-data.yaml does not use ${idle.join(", ")}`);
    return text;
}
