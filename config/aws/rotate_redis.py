"""Secrets Manager calls it in four steps to give the fills' Redis a new AUTH token."""
import os
import time

import boto3

secrets = boto3.client("secretsmanager")
cache = boto3.client("elasticache")
GROUP = os.environ["GROUP"]


def wait():
    """ElastiCache applies one change of a group at a time, and is "available" before it has begun with it."""
    while True:
        group = cache.describe_replication_groups(ReplicationGroupId=GROUP)["ReplicationGroups"][0]
        if group["Status"] == "available" and not group.get("PendingModifiedValues", {}).get("AuthTokenStatus"):
            return
        time.sleep(10)


def modify(token, strategy):
    wait()
    cache.modify_replication_group(ReplicationGroupId=GROUP, AuthToken=token, AuthTokenUpdateStrategy=strategy,
                                   ApplyImmediately=True)
    wait()


def handler(event, _):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    if step == "createSecret":
        try:
            secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        except secrets.exceptions.ResourceNotFoundException:
            new = secrets.get_random_password(PasswordLength=64, ExcludePunctuation=True)["RandomPassword"]
            secrets.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=new, VersionStages=["AWSPENDING"])
    elif step == "setSecret":  # both tokens work from here on, until the next rotation
        modify(secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")["SecretString"], "ROTATE")
    elif step == "finishSecret":
        stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
        old = next(version for version, names in stages.items() if "AWSCURRENT" in names)
        if old != token:
            secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token,
                                                RemoveFromVersionId=old)
