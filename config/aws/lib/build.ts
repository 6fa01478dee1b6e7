// From parameters to an app: what app.ts synthesises and the tests look at.
import { App, AppProps, CfnElement } from "aws-cdk-lib";
import { judge } from "./nag.js";
import { Parameters } from "./parameters.js";
import { WirebookStack } from "./stack.js";

export function build(p: Parameters, props?: AppProps): { app: App; stack: WirebookStack } {
    const app = new App(props);
    const stack = new WirebookStack(app, p.name, p);
    judge(app, stack, p, stack.getLogicalId(stack.data.archive.node.defaultChild as CfnElement));
    return { app, stack };
}
