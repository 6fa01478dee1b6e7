// What the deployment promises, held against the synthesised template. Nothing is asked of AWS.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Match, Template } from "aws-cdk-lib/assertions";
import { build } from "../lib/build.js";
import { Parameters, readParameters } from "../lib/parameters.js";
import { userData } from "../lib/user-data.js";

const example = readParameters(new URL("../parameters.json", import.meta.url).pathname);

// What CDK makes by itself with a service's own key: CloudTrail's copy in CloudWatch Logs.
const unkeyed = (id: string) => id.startsWith("WatchTrailLogGroup");

// Synthesising holds every resource against the rules of lib/nag.ts, too: it throws at the first finding.
function templateOf(change: Partial<Parameters> = {}) {
    const { app, stack } = build({ ...example, ...change }, { outdir: mkdtempSync(join(tmpdir(), "wirebook-aws-")) });
    app.synth();
    return Template.fromStack(stack);
}
const t = templateOf();

test("the template is written for cfn-lint", () => {
    if (process.env.TEMPLATE) writeFileSync(process.env.TEMPLATE, JSON.stringify(t.toJSON()));
});

test("a shard is exactly one instance, in its journal's zone, replaced old before new", () => {
    t.resourceCountIs("AWS::AutoScaling::AutoScalingGroup", 2);
    t.allResourcesProperties("AWS::AutoScaling::AutoScalingGroup", { MinSize: "1", MaxSize: "1" });
    for (const group of Object.values(t.findResources("AWS::AutoScaling::AutoScalingGroup"))) {
        assert.equal(group.Properties.VPCZoneIdentifier.length, 1);
        assert.equal(group.UpdatePolicy.AutoScalingRollingUpdate.MinInstancesInService, 0);
    }
    const zones = Object.values(t.findResources("AWS::EC2::Volume")).map((v) => v.Properties.AvailabilityZone);
    assert.deepEqual(zones.sort(), ["us-east-1a", "us-east-1b"]);
});

test("journals are io2, encrypted, and outlive the stack", () => {
    t.allResources("AWS::EC2::Volume", {
        Properties: { VolumeType: "io2", Encrypted: true, Iops: 16000 }, DeletionPolicy: "Retain" });
});

test("instances may take their own volume and interface, and touch no other", () => {
    for (const n of [1, 2]) {
        const policy = Object.entries(t.findResources("AWS::IAM::Policy")).find(([id]) => id.startsWith(`Shard${n}Role`))![1];
        const text = JSON.stringify(policy);
        assert.match(text, new RegExp(`Shard${n}Journal`));
        assert.doesNotMatch(text, new RegExp(`Shard${3 - n}(Journal|Data)`));
        assert.match(text, new RegExp(`shard-${n}/\\*`));
        assert.doesNotMatch(text, /DeleteObject|s3:\*|ec2:\*|iam:/);
    }
});

test("no instance metadata without a token", () => {
    t.allResourcesProperties("AWS::EC2::LaunchTemplate", {
        LaunchTemplateData: { MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 } } });
});

test("the balancer aims at the data interface and asks the health port", () => {
    t.resourceCountIs("AWS::ElasticLoadBalancingV2::TargetGroup", 2);
    t.allResourcesProperties("AWS::ElasticLoadBalancingV2::TargetGroup", {
        TargetType: "ip", Protocol: "TCP", Port: 9000, HealthCheckPort: "9100", HealthCheckProtocol: "TCP" });
    const group = JSON.stringify(t.findResources("AWS::ElasticLoadBalancingV2::TargetGroup"));
    assert.match(group, /"preserve_client_ip.enabled","Value":"true"/);
    assert.match(group, /"deregistration_delay.timeout_seconds","Value":"300"/);
    assert.match(group, /PrimaryPrivateIpAddress/);
    for (const port of [9001, 9002]) t.hasResourceProperties("AWS::ElasticLoadBalancingV2::Listener", { Port: port, Protocol: "TCP" });
});

test("proxy protocol, TLS, PrivateLink, accelerator and Shield come when they are asked for", () => {
    t.resourceCountIs("AWS::EC2::VPCEndpointService", 0);
    t.resourceCountIs("AWS::Shield::Protection", 0);
    const all = templateOf({
        clientAddresses: "proxy", privateLinkPrincipals: ["arn:aws:iam::444455556666:root"],
        certificateArn: "arn:aws:acm:us-east-1:111122223333:certificate/x", globalAccelerator: true, shieldAdvanced: true });
    assert.match(JSON.stringify(all.findResources("AWS::ElasticLoadBalancingV2::TargetGroup")),
                 /"proxy_protocol_v2.enabled","Value":"true"/);
    all.hasResourceProperties("AWS::ElasticLoadBalancingV2::Listener", { Port: 9501, Protocol: "TLS" });
    all.hasResourceProperties("AWS::EC2::VPCEndpointService", { AcceptanceRequired: true });
    all.resourceCountIs("AWS::GlobalAccelerator::Listener", 2);
    all.resourceCountIs("AWS::Shield::Protection", 1);
});

test("only the clients' networks get in, and nobody by port 22", () => {
    const text = JSON.stringify([t.findResources("AWS::EC2::SecurityGroup"), t.findResources("AWS::EC2::SecurityGroupIngress")]);
    assert.doesNotMatch(text, /"FromPort":22\b/);
    for (const group of Object.values(t.findResources("AWS::EC2::SecurityGroup")))
        for (const rule of group.Properties.SecurityGroupIngress ?? []) assert.notEqual(rule.CidrIp, "0.0.0.0/0");
});

test("Aurora: two zones, encrypted, kept, TLS only, readers that scale, a secret that rotates", () => {
    t.resourceCountIs("AWS::RDS::DBInstance", 2);
    t.hasResource("AWS::RDS::DBCluster", { DeletionPolicy: "Retain", Properties: {
        StorageEncrypted: true, DeletionProtection: true, BackupRetentionPeriod: 35 } });
    t.hasResourceProperties("AWS::RDS::DBClusterParameterGroup", { Parameters: { "rds.force_ssl": "1" } });
    t.hasResourceProperties("AWS::ApplicationAutoScaling::ScalableTarget", {
        ScalableDimension: "rds:cluster:ReadReplicaCount", MinCapacity: 1, MaxCapacity: 4 });
    t.resourceCountIs("AWS::SecretsManager::RotationSchedule", 3); // the master's, the exports', Redis'
});

test("what has data outlives the stack and its own replacement", () => {
    for (const type of ["AWS::EC2::Volume", "AWS::RDS::DBCluster", "AWS::KMS::Key", "AWS::S3::Bucket"])
        t.allResources(type, { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
});

test("a journal volume has one reader and writer: it is the lock between two instances", () => {
    for (const volume of Object.values(t.findResources("AWS::EC2::Volume"))) assert.ok(!volume.Properties.MultiAttachEnabled);
    const boot = JSON.stringify(t.findResources("AWS::EC2::LaunchTemplate"));
    assert.doesNotMatch(boot, /detach-volume|detach-network|--force/);
});

// The statements of a shard's role.
function rights(n: number) {
    const policy = Object.entries(t.findResources("AWS::IAM::Policy")).find(([id]) => id.startsWith(`Shard${n}Role`))![1];
    return policy.Properties.PolicyDocument.Statement as { Sid?: string; Action: string | string[]; Resource: unknown; Condition?: object }[];
}

test("a shard exports as a user of its own and never sees the master's password", () => {
    const master = Object.keys(t.findResources("AWS::SecretsManager::SecretTargetAttachment")).filter((id) => !id.includes("ExportUser"));
    assert.equal(master.length, 1);
    t.hasResourceProperties("AWS::SecretsManager::Secret", { GenerateSecretString: {
        SecretStringTemplate: Match.stringLikeRegexp('"username":"wirebook_export"') } });
    // Its first rotation would fail: the role is made by hand, later.
    t.hasResourceProperties("AWS::SecretsManager::RotationSchedule", {
        SecretId: Match.objectLike({ Ref: Match.stringLikeRegexp("ExportUser") }), RotateImmediatelyOnUpdate: false });
    for (const n of [1, 2]) {
        assert.ok(!JSON.stringify(rights(n)).includes(master[0]), "the master's secret");
        assert.match(JSON.stringify(rights(n)), /ExportUser/);
    }
    assert.ok(!JSON.stringify(t.findResources("AWS::EC2::LaunchTemplate")).includes(master[0]));
});

test("the key is used through services alone; nothing in the archive is changed, kept longer or deleted by an instance", () => {
    for (const n of [1, 2]) {
        const kms = rights(n).filter((s) => [s.Action].flat().some((a) => a.startsWith("kms:")));
        assert.ok(kms.length >= 2);
        for (const s of kms) assert.match(JSON.stringify(s.Condition ?? {}), /kms:ViaService|kms:GrantIsForAWSResource/, JSON.stringify(s));
        assert.deepEqual(rights(n).find((s) => s.Sid === "ArchiveWriteOnce")!.Action, ["s3:PutObject", "s3:GetObject"]);
        for (const s of rights(n)) // what knows no resource is narrowed otherwise, or is Session Manager's
            if ([s.Resource].flat().includes("*")) assert.ok(s.Condition || s.Sid === "SessionManager", JSON.stringify(s));
    }
});

test("no alarm is quiet because nobody measures", () => {
    const alarms = Object.values(t.findResources("AWS::CloudWatch::Alarm")).map((a) => a.Properties);
    const loud = (metric: string) => alarms.filter((a) => a.MetricName === metric && a.TreatMissingData === "breaching").length;
    // Whatever else of a shard is not measured then: these two say so, one for the instance, one for the way to it.
    assert.deepEqual([loud("wirebook_ready"), loud("HealthyHostCount")], [2, 2]);
    for (const a of alarms) assert.notEqual(a.TreatMissingData, "ignore");
    const others = alarms.filter((a) => a.TreatMissingData !== "breaching" && a.Namespace !== "Wirebook" && a.MetricName).map((a) => a.MetricName);
    assert.deepEqual([...new Set(others)].sort(), ["CPUUtilization", "DatabaseMemoryUsagePercentage", "Deadlocks", "Evictions", "VolumeStalledIOCheck"]);
});

test("a rotation that fails is heard", () => {
    t.hasResourceProperties("AWS::Events::Rule", { EventPattern: { source: ["aws.secretsmanager"], detail: { eventName: ["RotationFailed"] } } });
    const policies = JSON.stringify([t.findResources("AWS::SNS::TopicPolicy"), t.findResources("AWS::KMS::Key")]);
    assert.equal(policies.match(/events\.amazonaws\.com/g)!.length >= 2, true); // may publish, and use the topic's key
});

test("a first boot that does not get through does not go on: it tries again, and reboots only at its end", () => {
    const boot = JSON.stringify(t.findResources("AWS::EC2::LaunchTemplate"));
    assert.match(boot, /condition: \[test, -e, \/etc\/wirebook\/installed\]/);
    assert.match(boot, /runcmd: \[\/usr\/local\/sbin\/wirebook-install\]/);
    assert.match(boot, /ExecStart=\/usr\/local\/sbin\/wirebook-begin\\n\s*TimeoutStartSec=infinity/);
    assert.doesNotMatch(boot, /resolve:secretsmanager|AKIA|BEGIN [A-Z ]*PRIVATE/); // no secret in what every process of the instance may read
});

test("chronyd starts without a hardware clock", () => {
    const boot = JSON.stringify(t.findResources("AWS::EC2::LaunchTemplate"));
    assert.doesNotMatch(boot, /\\n +refclock/); // in a file of its own that is there when the clock is
    assert.match(boot, /ExecStartPre=\+\/usr\/local\/sbin\/wirebook-phc/);
});

test("Redis fails over, over TLS, with AUTH", () => {
    t.hasResourceProperties("AWS::ElastiCache::ReplicationGroup", {
        AutomaticFailoverEnabled: true, MultiAZEnabled: true, TransitEncryptionMode: "required",
        AuthToken: Match.anyValue(), ReplicasPerNodeGroup: 2 });
});

test("the archive is write-once for as long as the rules ask", () => {
    t.hasResourceProperties("AWS::S3::Bucket", { ObjectLockConfiguration: {
        Rule: { DefaultRetention: { Mode: "COMPLIANCE", Days: 7 * 365 } } } });
    for (const bucket of Object.values(t.findResources("AWS::S3::Bucket")))
        assert.equal(bucket.Properties.PublicAccessBlockConfiguration.BlockPublicAcls, true);
});

test("encrypted disks: the group may start with them, the instance may attach its own", () => {
    const keys = Object.values(t.findResources("AWS::KMS::Key")).flatMap((k) => k.Properties.KeyPolicy.Statement);
    const group = keys.filter((s) => JSON.stringify(s.Principal).includes("AWSServiceRoleForAutoScaling"));
    const grants = (s: { Action: string | string[] }) => [s.Action].flat().includes("kms:CreateGrant");
    assert.equal(group.length, 2);
    assert.deepEqual(group.filter(grants).map((s) => s.Condition), [{ Bool: { "kms:GrantIsForAWSResource": "true" } }]);
    const roles = Object.values(t.findResources("AWS::IAM::Policy")).map((r) => r.Properties.PolicyDocument.Statement)
        .filter((all) => all.some((s: { Sid?: string }) => s.Sid === "TakeWhatMakesTheShard"));
    assert.equal(roles.length, 2);
    for (const all of roles)
        assert.deepEqual(all.filter(grants).map((s: { Condition: object }) => s.Condition), [{ Bool: { "kms:GrantIsForAWSResource": "true" } }]);
});

test("everything is watched: flow logs, CloudTrail, alarms for each shard, somebody who hears them", () => {
    t.resourceCountIs("AWS::EC2::FlowLog", 1);
    t.hasResourceProperties("AWS::CloudTrail::Trail", { EnableLogFileValidation: true, IsMultiRegionTrail: true });
    for (const n of ["1", "2"])
        t.hasResourceProperties("AWS::CloudWatch::Alarm", {
            MetricName: "wirebook_ready", Dimensions: [{ Name: "shard", Value: n }], TreatMissingData: "breaching" });
    for (const alarm of Object.values(t.findResources("AWS::CloudWatch::Alarm")))
        assert.equal(alarm.Properties.AlarmActions.length, 1);
    t.hasResourceProperties("AWS::SNS::Subscription", { Protocol: "email" });
});

test("an image whose kernel can hand a device over for DPDK; Debian's own for sockets", () => {
    t.allResourcesProperties("AWS::EC2::LaunchTemplate", { LaunchTemplateData: { ImageId: "ami-0123456789abcdef0" } });
    const sockets = templateOf({ transport: "sockets", imageId: "" });
    assert.match(JSON.stringify(sockets.toJSON().Parameters), /aws\/service\/debian\/release\/12\/latest\/amd64/);
    assert.ok(JSON.stringify(sockets.findResources("AWS::EC2::LaunchTemplate")).includes("TRANSPORT=sockets"));
});

test("launch: placement group, optimised for EBS, encrypted root, monitored", () => {
    t.resourceCountIs("AWS::EC2::PlacementGroup", 2);
    t.allResourcesProperties("AWS::EC2::PlacementGroup", { Strategy: "cluster" });
    t.allResourcesProperties("AWS::EC2::LaunchTemplate", { LaunchTemplateData: {
        EbsOptimized: true, Monitoring: { Enabled: true }, Placement: { GroupName: Match.anyValue() },
        BlockDeviceMappings: [{ Ebs: { Encrypted: true } }] } });
});

test("the VPC: each zone with edge, venue and data subnets, and its own way out", () => {
    t.resourceCountIs("AWS::EC2::Subnet", 6);
    t.resourceCountIs("AWS::EC2::NatGateway", 2);
    assert.equal(new Set(Object.values(t.findResources("AWS::EC2::Subnet")).map((s) => s.Properties.AvailabilityZone)).size, 2);
    for (const service of ["secretsmanager", "ec2", "logs", "monitoring", "ssm", "ssmmessages"])
        t.hasResourceProperties("AWS::EC2::VPCEndpoint", { ServiceName: Match.stringLikeRegexp(`\\.${service}$`) });
});

test("operators get in by Session Manager, an instance reads its own shard's config only", () => {
    for (const n of [1, 2]) {
        const policy = Object.entries(t.findResources("AWS::IAM::Policy")).find(([id]) => id.startsWith(`Shard${n}Role`))![1];
        const of = (sid: string) => policy.Properties.PolicyDocument.Statement.find((s: { Sid?: string }) => s.Sid === sid);
        assert.match(JSON.stringify(of("Config")), new RegExp(`config/shard-${n}/\\*`));
        assert.equal(of("ConfigNames").Condition.StringLike["s3:prefix"], `config/shard-${n}/*`);
        assert.ok(of("SessionManager").Action.includes("ssmmessages:OpenDataChannel"));
        assert.doesNotMatch(JSON.stringify(policy), new RegExp(`shard-${3 - n}/`));
    }
});

test("keys: one of our own for volumes, databases, logs, topic; it rotates", () => {
    t.hasResource("AWS::KMS::Key", { Properties: { EnableKeyRotation: true }, DeletionPolicy: "Retain" });
    for (const [type, property] of [["AWS::EC2::Volume", "KmsKeyId"], ["AWS::RDS::DBCluster", "KmsKeyId"], ["AWS::SNS::Topic", "KmsMasterKeyId"],
                                    ["AWS::ElastiCache::ReplicationGroup", "KmsKeyId"], ["AWS::Logs::LogGroup", "KmsKeyId"],
                                    ["AWS::SecretsManager::Secret", "KmsKeyId"], ["AWS::CloudTrail::Trail", "KMSKeyId"]]) {
        const found = Object.values(t.findResources(type));
        assert.ok(found.length > 0, type);
        for (const resource of found.filter((_, i) => !unkeyed(Object.keys(t.findResources(type))[i])))
            assert.ok(resource.Properties[property], `${type} ${JSON.stringify(resource)}`);
    }
});

test("reports have a name of their own, which leads to the readers", () => {
    t.hasResourceProperties("AWS::Route53::RecordSet", { Type: "CNAME", Name: Match.stringLikeRegexp("^reporting\\.") });
    assert.match(JSON.stringify(t.findResources("AWS::Route53::RecordSet")), /ReadEndpoint/);
});

test("the map from symbols to shards is the stack's to tell", () => {
    t.hasOutput("Symbols", { Value: "1=A-M 2=N-Z" });
});

test("alarms of each shard: one for each that the runbook has", () => {
    const names = Object.keys(t.findResources("AWS::CloudWatch::Alarm")).join();
    for (const n of [1, 2])
        for (const what of ["NotReady", "Unhealthy", "Stuck", "Space", "FillsUp", "ExportLag", "ExportRefused", "Archive", "Snapshot", "Reload",
                            "Clock", "JournalStall", "Enapps"])
            assert.match(names, new RegExp(`Shard${n}${what}`));
    const board = JSON.stringify(t.findResources("AWS::CloudWatch::Dashboard"));
    for (const metric of ["stage_recent_seconds", "ring_used_slots", "rejected_total", "export_lag_transactions", "retransmits_total"])
        assert.ok(board.includes(metric), metric);
});

test("user data fits what EC2 takes, tokens as long as they may become", () => {
    for (const template of Object.values(t.findResources("AWS::EC2::LaunchTemplate"))) {
        const parts = template.Properties.LaunchTemplateData.UserData["Fn::Base64"]["Fn::Join"][1] as (string | object)[];
        const bytes = parts.reduce((sum, part) => sum + (typeof part === "string" ? Buffer.byteLength(part) : 128), 0);
        assert.ok(bytes < 16384, `${bytes} bytes`);
    }
});

test("user data: every value is given and used", () => {
    assert.throws(() => userData({ shard: "1" }), /nobody gives/);
    const boot = JSON.stringify(t.findResources("AWS::EC2::LaunchTemplate"));
    for (const name of ["SHARD=1", "SHARD=2", "TRANSPORT=dpdk"]) assert.ok(boot.includes(name), name);
    assert.ok(!/\$\{[a-zA-Z]+\}/.test(boot), "a value is left over"); // bash has arrays, too
});
