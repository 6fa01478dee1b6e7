// Who is told when something is wrong, and the picture that one looks at then. The runbook in README.md says for each
// alarm what it means.
import * as cloudtrail from "aws-cdk-lib/aws-cloudtrail";
import * as cw from "aws-cdk-lib/aws-cloudwatch";
import * as actions from "aws-cdk-lib/aws-cloudwatch-actions";
import * as events from "aws-cdk-lib/aws-events";
import * as eventTargets from "aws-cdk-lib/aws-events-targets";
import * as kms from "aws-cdk-lib/aws-kms";
import * as sns from "aws-cdk-lib/aws-sns";
import * as s3 from "aws-cdk-lib/aws-s3";
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { Construct } from "constructs";
import { Data } from "./data.js";
import { Edge } from "./edge.js";
import { Parameters } from "./parameters.js";
import { ShardInstance } from "./shard.js";

// The venue's own metrics, as the CloudWatch agent brings them from /metrics. tests/integ/test_alerts.py holds names and
// dimensions against a real venue and against what user-data.yaml ships.
const own = (name: string, shard: number, statistic = "Maximum", more: Record<string, string> = {}) =>
    new cw.Metric({ namespace: "Wirebook", metricName: name, dimensionsMap: { shard: String(shard), ...more }, statistic,
                    period: Duration.minutes(1) });

// One line for each value of the other dimensions, whatever there are.
const each = (shard: number, by: string, name: string, statistic = "Maximum") =>
    new cw.MathExpression({ label: "", period: Duration.minutes(1), expression:
        `SEARCH('{Wirebook,shard,${by}} shard="${shard}" MetricName="${name}"', '${statistic}', 60)` });

export class Watch extends Construct {
    readonly alarms: cw.Alarm[] = [];

    constructor(scope: Construct, id: string, p: Parameters, data: Data, edge: Edge, shards: Map<number, ShardInstance>,
                private readonly topic: sns.ITopic, key: kms.IKey) {
        super(scope, id);
        for (const [number, shard] of shards) this.shardAlarms(number, shard, edge);
        this.dataAlarms(data);
        this.rotations();
        this.dashboard(p, data, shards);
        new cloudtrail.Trail(this, "Trail", {
            bucket: this.trailBucket(data), encryptionKey: key, enableFileValidation: true, isMultiRegionTrail: true,
            sendToCloudWatchLogs: true });
    }

    private trailBucket(data: Data) {
        return new s3.Bucket(this, "TrailBucket", {
            blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL, enforceSSL: true, versioned: true,
            encryption: s3.BucketEncryption.S3_MANAGED, removalPolicy: RemovalPolicy.RETAIN,
            serverAccessLogsBucket: data.accessLogs, serverAccessLogsPrefix: "trail/" });
    }

    private alarm(name: string, metric: cw.IMetric, threshold: number, text: string, less = false, missing = false) {
        const alarm = new cw.Alarm(this, name, {
            metric, threshold, alarmDescription: text, evaluationPeriods: 3, datapointsToAlarm: 2,
            comparisonOperator: less ? cw.ComparisonOperator.LESS_THAN_THRESHOLD
                                     : cw.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treatMissingData: missing ? cw.TreatMissingData.BREACHING : cw.TreatMissingData.NOT_BREACHING });
        alarm.addAlarmAction(new actions.SnsAction(this.topic));
        this.alarms.push(alarm);
    }

    private shardAlarms(n: number, shard: ShardInstance, edge: Edge) {
        const group = edge.targetGroups.get(n)!;
        this.alarm(`Shard${n}NotReady`, own("wirebook_ready", n, "Minimum"), 1, "the venue is not ready: /readyz says why",
                   true, true);
        // Not the unhealthy ones: of a target that is gone there is none of either.
        this.alarm(`Shard${n}Unhealthy`, group.metrics.healthyHostCount({ statistic: "Minimum", period: Duration.minutes(1) }), 1,
                   "the load balancer cannot reach the health port", true, true);
        this.alarm(`Shard${n}Stuck`, own("wirebook_agents_stuck", n), 0, "an agent takes no turns: /livez names it");
        this.alarm(`Shard${n}Space`, own("wirebook_journal_space_level", n), 0, "the journal's disk is low on space");
        this.alarm(`Shard${n}FillsUp`, new cw.MathExpression({
            expression: "free + RATE(free) * 4 * 3600", usingMetrics: { free: own("wirebook_journal_free_bytes", n, "Minimum") },
            period: Duration.minutes(5) }), 0, "at this pace the journal's disk is full within four hours", true);
        this.alarm(`Shard${n}ExportLag`, own("wirebook_export_lag_seconds", n), 60, "an export is a minute behind");
        this.alarm(`Shard${n}ExportRefused`, own("wirebook_export_state", n), 2, "the marks or the rows are another's");
        this.alarm(`Shard${n}Archive`, own("wirebook_archive_failed_total", n, "Sum"), 0, "segments do not get into S3");
        this.alarm(`Shard${n}Snapshot`, own("wirebook_snapshots_failed_total", n, "Sum"), 0, "a snapshot failed");
        this.alarm(`Shard${n}Reload`, own("wirebook_reloads_failed_total", n, "Sum"), 0, "a reload was refused");
        this.alarm(`Shard${n}Clock`, own("wirebook_clock_step_seconds", n), 1, "the machine's clock was set");
        const ebs = (metricName: string, statistic: string) => new cw.Metric({
            namespace: "AWS/EBS", metricName, statistic, dimensionsMap: { VolumeId: shard.volume.volumeId } });
        this.alarm(`Shard${n}JournalStall`, ebs("VolumeStalledIOCheck", "Maximum"), 0, "the journal's volume does no I/O");
        for (const name of ["pps", "bw_in", "bw_out", "conntrack", "linklocal"])
            this.alarm(`Shard${n}Ena${name}`, own("wirebook_port_driver", n, "Maximum", { name: `${name}_allowance_exceeded` }), 0,
                       "the instance type's network allowance is used up: packets are queued or dropped");
    }

    private dataAlarms(data: Data) {
        const redis = (metricName: string) => new cw.Metric({
            namespace: "AWS/ElastiCache", metricName, statistic: "Maximum",
            dimensionsMap: { ReplicationGroupId: data.redis.ref } });
        this.alarm("DatabaseCpu", data.cluster.metricCPUUtilization(), 80, "Aurora is busy: exports will fall behind");
        this.alarm("DatabaseDeadlocks", data.cluster.metricDeadlocks(), 0, "somebody else writes to the export's tables");
        this.alarm("RedisMemory", redis("DatabaseMemoryUsagePercentage"), 80, "streams are too long for the node");
        this.alarm("RedisEvictions", redis("Evictions"), 0, "Redis throws entries away that were to be kept");
    }

    // A rotation that fails is in CloudTrail and nowhere else.
    private rotations() {
        new events.Rule(this, "RotationFailed", {
            description: "a secret was not rotated, or half",
            eventPattern: { source: ["aws.secretsmanager"], detail: { eventName: ["RotationFailed"] } },
            targets: [new eventTargets.SnsTopic(this.topic)] });
    }

    private dashboard(p: Parameters, data: Data, shards: Map<number, ShardInstance>) {
        const board = new cw.Dashboard(this, "Dashboard", { dashboardName: p.name });
        for (const n of shards.keys())
            board.addWidgets(...graphs(n));
        board.addWidgets(
            new cw.GraphWidget({ title: "Aurora CPU, %", width: 12, left: [data.cluster.metricCPUUtilization()] }),
            new cw.AlarmStatusWidget({ title: "alarms", width: 12, alarms: this.alarms }));
    }
}

// What the Grafana dashboard shows, for one shard.
function graphs(n: number): cw.GraphWidget[] {
    const graph = (title: string, ...left: cw.IMetric[]) => new cw.GraphWidget({ title: `shard ${n}: ${title}`, width: 8, left });
    return [
        graph("transactions, fills, rejects a minute", own("wirebook_engine_transactions_total", n, "Sum"),
              own("wirebook_engine_fills_total", n, "Sum"), own("wirebook_engine_rejects_total", n, "Sum")),
        graph("sessions", each(n, "gateway", "wirebook_gateway_sessions")),
        graph("open orders", own("wirebook_engine_orders_open", n), own("wirebook_engine_orders_open_max", n)),
        graph("rejects by reason, a minute", each(n, "gateway,reason", "wirebook_gateway_rejected_total", "Sum")),
        graph("logins refused, a minute", each(n, "gateway", "wirebook_gateway_logins_bad_total", "Sum"),
              each(n, "gateway", "wirebook_gateway_logins_refused_total", "Sum")),
        graph("latency by stage, percentiles of 10 s, s", each(n, "stage,percentile", "wirebook_stage_recent_seconds")),
        graph("longest turn, s", each(n, "agent", "wirebook_agent_turn_max_seconds")),
        graph("turns over a millisecond, a minute", each(n, "agent", "wirebook_agent_turns_over_limit_total", "Sum")),
        graph("rings, slots in use", each(n, "ring,index", "wirebook_ring_used_slots")),
        graph("journal: free bytes", own("wirebook_journal_free_bytes", n, "Minimum")),
        graph("journal: writes and blocks a minute", own("wirebook_journal_writes_total", n, "Sum"),
              own("wirebook_journal_blocks_total", n, "Sum")),
        graph("export lag, s", each(n, "sink", "wirebook_export_lag_seconds")),
        graph("export lag, transactions", each(n, "sink", "wirebook_export_lag_transactions")),
        graph("TCP: segments sent again, a minute", each(n, "gateway,port,reason", "wirebook_net_tcp_retransmits_total", "Sum")),
        graph("NIC: frames lost, a minute", each(n, "port", "wirebook_port_rx_missed_total", "Sum"),
              each(n, "port", "wirebook_port_rx_no_buffer_total", "Sum")),
    ];
}
