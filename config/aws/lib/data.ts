// Where every fill goes: Aurora PostgreSQL with readers for reports, Redis with replicas, the archive. All of it can fail
// over, or be away, without a shard's stopping: the journal keeps what they lack.
import * as appscaling from "aws-cdk-lib/aws-applicationautoscaling";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as elasticache from "aws-cdk-lib/aws-elasticache";
import * as kms from "aws-cdk-lib/aws-kms";
import * as rds from "aws-cdk-lib/aws-rds";
import * as route53 from "aws-cdk-lib/aws-route53";
import * as s3 from "aws-cdk-lib/aws-s3";
import * as secrets from "aws-cdk-lib/aws-secretsmanager";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { ArnFormat, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { readFileSync } from "node:fs";
import { Construct } from "constructs";
import { Network } from "./network.js";
import { Parameters } from "./parameters.js";

export class Data extends Construct {
    readonly cluster: rds.DatabaseCluster;
    readonly exportSecret: secrets.ISecret; // of the user that the shards export as
    readonly redis: elasticache.CfnReplicationGroup;
    readonly redisSecret: secrets.Secret;
    readonly archive: s3.Bucket;
    readonly accessLogs: s3.Bucket;

    constructor(scope: Construct, id: string, p: Parameters, network: Network, key: kms.IKey) {
        super(scope, id);
        this.cluster = this.database(p, network, key);
        this.exportSecret = this.exportUser(network, key);
        this.scaleReaders(p);
        this.reportingName(p, network);
        this.redisSecret = new secrets.Secret(this, "RedisAuth", {
            description: "AUTH token of the fills' Redis",
            encryptionKey: key,
            generateSecretString: { excludePunctuation: true, passwordLength: 64 },
        });
        this.redis = this.replicationGroup(p, network, key);
        this.rotateRedis(network);
        this.accessLogs = new s3.Bucket(this, "AccessLogs", {
            ...bucketBasics,
            encryption: s3.BucketEncryption.S3_MANAGED, // log delivery takes no other key
            objectOwnership: s3.ObjectOwnership.OBJECT_WRITER,
            lifecycleRules: [{ expiration: Duration.days(400) }],
        });
        this.archive = new s3.Bucket(this, "Archive", {
            ...bucketBasics,
            encryption: s3.BucketEncryption.KMS,
            encryptionKey: key,
            bucketKeyEnabled: true,
            objectLockEnabled: true, // write-once: not even root deletes a day of trading
            objectLockDefaultRetention: s3.ObjectLockRetention.compliance(Duration.days(365 * p.archiveYears)),
            serverAccessLogsBucket: this.accessLogs,
            serverAccessLogsPrefix: "archive/",
            lifecycleRules: [{ transitions: [{ storageClass: s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                                               transitionAfter: Duration.days(90) }] }],
        });
    }

    private database(p: Parameters, network: Network, key: kms.IKey) {
        const instanceType = new ec2.InstanceType(p.databaseClass);
        const instance = { instanceType, publiclyAccessible: false, enablePerformanceInsights: true,
                           performanceInsightEncryptionKey: key, caCertificate: rds.CaCertificate.RDS_CA_RSA2048_G1 };
        const engine = rds.DatabaseClusterEngine.auroraPostgres({ version: rds.AuroraPostgresEngineVersion.VER_15_10 });
        const cluster = new rds.DatabaseCluster(this, "Database", {
            engine,
            vpc: network.vpc,
            vpcSubnets: { subnetGroupName: "data" },
            securityGroups: [network.dataGroup],
            defaultDatabaseName: "wirebook",
            credentials: rds.Credentials.fromGeneratedSecret("wirebook", { encryptionKey: key }),
            writer: rds.ClusterInstance.provisioned("Writer", instance),
            readers: Array.from({ length: p.databaseReaders.min }, (_, i) =>
                rds.ClusterInstance.provisioned(`Reader${i + 1}`, { ...instance, promotionTier: 1 })),
            storageEncrypted: true,
            storageEncryptionKey: key,
            backup: { retention: Duration.days(35) },
            deletionProtection: true,
            removalPolicy: RemovalPolicy.RETAIN,
            iamAuthentication: true,
            cloudwatchLogsExports: ["postgresql"],
            copyTagsToSnapshot: true,
            monitoringInterval: Duration.seconds(60),
            parameterGroup: new rds.ParameterGroup(this, "Parameters", {
                engine, parameters: { "rds.force_ssl": "1", synchronous_commit: "on" } }),
        });
        cluster.addRotationSingleUser({ automaticallyAfter: Duration.days(30), vpcSubnets: { subnetGroupName: "venue" },
                                        securityGroup: network.venueGroup });
        return cluster;
    }

    // Who writes is not the master: with the rights of config/sql/README.md he can insert, and neither change nor drop what is there.
    // The role itself is made by hand once (README.md, Deploy); from then on it changes its own password.
    private exportUser(network: Network, key: kms.IKey) {
        const secret = new rds.DatabaseSecret(this, "ExportUser", { username: "wirebook_export", dbname: "wirebook", encryptionKey: key })
            .attach(this.cluster);
        new secrets.SecretRotation(this, "RotateExportUser", {
            application: secrets.SecretRotationApplication.POSTGRES_ROTATION_SINGLE_USER, secret, target: this.cluster,
            vpc: network.vpc, vpcSubnets: { subnetGroupName: "venue" }, securityGroup: network.venueGroup,
            automaticallyAfter: Duration.days(30), rotateImmediatelyOnUpdate: false }); // there is no such role yet
        return secret;
    }

    private scaleReaders(p: Parameters) {
        const target = new appscaling.ScalableTarget(this, "Readers", {
            serviceNamespace: appscaling.ServiceNamespace.RDS,
            scalableDimension: "rds:cluster:ReadReplicaCount",
            resourceId: `cluster:${this.cluster.clusterIdentifier}`,
            minCapacity: p.databaseReaders.min,
            maxCapacity: p.databaseReaders.max,
        });
        target.scaleToTrackMetric("Load", {
            predefinedMetric: appscaling.PredefinedMetric.RDS_READER_AVERAGE_CPU_UTILIZATION,
            targetValue: 60,
            scaleInCooldown: Duration.minutes(15),
            scaleOutCooldown: Duration.minutes(5),
        });
    }

    // Reports go to the readers, whatever the writer does and wherever it is.
    private reportingName(p: Parameters, network: Network) {
        const zone = new route53.PrivateHostedZone(this, "Zone", { zoneName: `${p.name}.internal`, vpc: network.vpc });
        new route53.CnameRecord(this, "Reporting", {
            zone, recordName: "reporting", domainName: this.cluster.clusterReadEndpoint.hostname, ttl: Duration.seconds(5) });
    }

    private replicationGroup(p: Parameters, network: Network, key: kms.IKey) {
        const subnets = new elasticache.CfnSubnetGroup(this, "RedisSubnets", {
            description: "fills", subnetIds: network.vpc.selectSubnets({ subnetGroupName: "data" }).subnetIds });
        return new elasticache.CfnReplicationGroup(this, "Redis", {
            replicationGroupDescription: "every fill, top of the book, last trade",
            engine: "redis",
            engineVersion: "7.1",
            cacheNodeType: p.redisNode,
            numNodeGroups: 1,
            replicasPerNodeGroup: p.redisReplicas,
            automaticFailoverEnabled: true,
            multiAzEnabled: true,
            cacheSubnetGroupName: subnets.ref,
            securityGroupIds: [network.dataGroup.securityGroupId],
            transitEncryptionEnabled: true,
            transitEncryptionMode: "required",
            atRestEncryptionEnabled: true,
            kmsKeyId: key.keyId,
            authToken: this.redisSecret.secretValue.unsafeUnwrap(), // a reference that CloudFormation resolves
            snapshotRetentionLimit: 7,
            port: 6379,
        });
    }

    // A function of our own: AWS has none for AUTH tokens. The new token is set beside the old one, then the old one goes.
    private rotateRedis(network: Network) {
        const rotate = new lambda.Function(this, "RotateRedis", {
            runtime: lambda.Runtime.PYTHON_3_14,
            handler: "index.handler",
            code: lambda.Code.fromInline(readFileSync(new URL("../rotate_redis.py", import.meta.url), "utf-8")),
            timeout: Duration.minutes(15),
            environment: { GROUP: this.redis.ref },
            vpc: network.vpc,
            vpcSubnets: { subnetGroupName: "venue" },
            securityGroups: [network.venueGroup],
        });
        rotate.addToRolePolicy(new iam.PolicyStatement({
            actions: ["elasticache:ModifyReplicationGroup", "elasticache:DescribeReplicationGroups"],
            resources: [Stack.of(this).formatArn({ service: "elasticache", resource: "replicationgroup",
                                                   resourceName: this.redis.ref, arnFormat: ArnFormat.COLON_RESOURCE_NAME })],
        }));
        this.redisSecret.addRotationSchedule("Monthly", { rotationLambda: rotate, automaticallyAfter: Duration.days(30) });
    }
}

const bucketBasics = {
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    versioned: true,
    removalPolicy: RemovalPolicy.RETAIN,
};
