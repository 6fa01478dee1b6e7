// Synthesises the templates: npx cdk synth -c parameters=FILE, default parameters.json beside this file.
import { App } from "aws-cdk-lib";
import { build } from "./lib/build.js";
import { readParameters } from "./lib/parameters.js";

const file = new App().node.tryGetContext("parameters") ?? "parameters.json";
build(readParameters(file)).app.synth();
