// Holds the templates against the AWS Solutions rules. What does not fit here is named, with the reason; all else is an
// error of the synthesis.
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { Construct } from "constructs";
import { Parameters } from "./parameters.js";

const MANAGED = "arn:<AWS::Partition>:iam::aws:policy/service-role";

function accepted(p: Parameters, archive: string): [id: string, reason: string][] {
    return [
        ["AEC5", "another port would hide nothing: Redis is in subnets without a way out, behind TLS and AUTH"],
        [`IAM4[Policy::${MANAGED}/AmazonRDSEnhancedMonitoringRole]`, "what RDS itself asks for, and no more"],
        [`IAM4[Policy::${MANAGED}/AWSLambdaBasicExecutionRole]`, "its own log group only"],
        [`IAM4[Policy::${MANAGED}/AWSLambdaVPCAccessExecutionRole]`, "the rotation must reach into the VPC"],
        ["L1", "a runtime that every region has; the newest one of the library may not be there yet"],
        ["IAM5[Resource::*]", "calls that know no resources: Describe (one region), Session Manager's channels, GetRandomPassword"],
        [`IAM5[Resource::arn:<AWS::Partition>:ec2:${p.region}:${p.account}:instance/*]`,
         "narrowed by a condition to the calling instance itself"],
        ["IAM5[Action::kms:ReEncrypt*]", "two actions of one key, as EBS needs them"],
        ["IAM5[Action::kms:GenerateDataKey*]", "two actions of one key, as S3 and EBS need them"],
        ...p.shards.map((s): [string, string] =>
            [`IAM5[Resource::<${archive}.Arn>/shard-${s.number}/*]`, "the shard's own part of the archive, to write only"]),
        ...p.shards.map((s): [string, string] =>
            [`IAM5[Resource::arn:<AWS::Partition>:s3:::${p.configUrl.slice(5)}/shard-${s.number}/*]`, "the shard's own config, to read"]),
    ];
}

export function judge(app: App, within: Construct, p: Parameters, archive: string) {
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    for (const [id, reason] of accepted(p, archive))
        Validations.of(within).acknowledge({ id: `AwsSolutions::AwsSolutions-${id}`, reason });
}
