#!/usr/bin/env python3
"""rotate_redis.py before a Secrets Manager and an ElastiCache that are played: called step by step, again after any step, while a
change is still under way, and while ElastiCache says that it is available before it has begun.

  test/rotate.py"""
import os
import sys
import types


class Secrets:
    class exceptions:
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self):
        self.values, self.stages, self.made = {"v1": "old"}, {"v1": ["AWSCURRENT"]}, 0

    def get_secret_value(self, SecretId, VersionId, VersionStage):
        if VersionId not in self.values or VersionStage not in self.stages[VersionId]:
            raise self.exceptions.ResourceNotFoundException()
        return {"SecretString": self.values[VersionId]}

    def get_random_password(self, PasswordLength, ExcludePunctuation):
        assert 16 <= PasswordLength <= 128 and ExcludePunctuation  # what AUTH takes
        self.made += 1
        return {"RandomPassword": f"new{self.made}"}

    def put_secret_value(self, SecretId, ClientRequestToken, SecretString, VersionStages):
        self.values[ClientRequestToken], self.stages[ClientRequestToken] = SecretString, VersionStages

    def describe_secret(self, SecretId):
        return {"VersionIdsToStages": self.stages}

    def update_secret_version_stage(self, SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId):
        self.stages[RemoveFromVersionId].remove(VersionStage)
        self.stages[MoveToVersionId].append(VersionStage)


class Cache:
    def __init__(self):
        self.tokens, self.pending, self.busy, self.asked = ["old"], None, 0, 0

    def describe_replication_groups(self, ReplicationGroupId):
        assert ReplicationGroupId == "fills"
        self.asked += 1
        group = {"Status": "modifying" if 0 < self.busy <= 2 else "available"}  # "available" at first, too
        if self.busy:
            group["PendingModifiedValues"] = {"AuthTokenStatus": "ROTATING"}
            self.busy -= 1
            if self.busy == 0:
                self.tokens = [self.tokens[-1], self.pending][-2:]
        return {"ReplicationGroups": [group]}

    def modify_replication_group(self, ReplicationGroupId, AuthToken, AuthTokenUpdateStrategy, ApplyImmediately):
        assert self.busy == 0, "one change at a time"
        assert AuthTokenUpdateStrategy == "ROTATE" and ApplyImmediately
        self.pending, self.busy = AuthToken, 4


secrets, cache = Secrets(), Cache()
os.environ["GROUP"] = "fills"
sys.modules["boto3"] = types.SimpleNamespace(client=lambda name: {"secretsmanager": secrets, "elasticache": cache}[name])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import rotate_redis  # noqa: E402

rotate_redis.time.sleep = lambda _: None


def step(name, version="v2"):
    rotate_redis.handler({"SecretId": "arn", "ClientRequestToken": version, "Step": name}, None)


step("createSecret")
step("createSecret")
assert secrets.made == 1, "the same token when it is called again"
cache.busy, cache.pending = 3, "old"  # somebody else's change is under way
step("setSecret")
assert cache.tokens == ["old", "new1"], f"both are taken once the step is over: {cache.tokens}"
assert "AWSCURRENT" in secrets.stages["v1"], "the instance goes on with the old one until then"
step("testSecret")
step("finishSecret")
step("finishSecret")
assert secrets.stages == {"v1": [], "v2": ["AWSPENDING", "AWSCURRENT"]}, secrets.stages
step("createSecret", "v3")
step("setSecret", "v3")
assert cache.tokens == ["new1", "new2"], f"the old one goes with the next rotation: {cache.tokens}"
print("ok   a rotation: one token, both taken meanwhile, again after any step")
