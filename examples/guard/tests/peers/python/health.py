"""Calls the health service of guard with grpcio: single calls and a stream."""

import json
import sys
import time

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

given = json.load(sys.stdin)


def fetch(client, secret, resource):
    form = {"grant_type": "client_credentials", "scope": "read", "resource": resource}
    answer = httpx.post(given["issuer"] + "/token", data=form, auth=(client, secret)).raise_for_status()
    return answer.json()["access_token"]


def metadata(token):
    return [("authorization", f"Bearer {token}")] if token else []


def check(address, token, method="Check"):
    with grpc.insecure_channel(address) as channel:
        call = getattr(health_pb2_grpc.HealthStub(channel), method)
        request = health_pb2.HealthListRequest() if method == "List" else health_pb2.HealthCheckRequest()
        try:
            call(request, metadata=metadata(token), timeout=10)
        except grpc.RpcError as error:
            trailers = list(error.trailing_metadata() or ())
            challenges = [value for name, value in trailers if name == "www-authenticate"]
            details = [value for name, value in trailers if name == "grpc-status-details-bin"]
            return {
                "code": error.code().name,
                "details": error.details(),
                "challenge": ", ".join(challenges),
                # google.rpc.Status with an ErrorInfo, whose domain and type stand in it as they are.
                "readable": len(details) == 1 and b"google.rpc.ErrorInfo" in details[0] and b"orders" in details[0],
            }
        return {"code": "OK"}


def watch(address, token):
    begin = time.monotonic()
    with grpc.insecure_channel(address) as channel:
        stream = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), metadata=metadata(token), timeout=15
        )
        first, end = None, "OK"
        try:
            for message in stream:
                first = first or health_pb2.HealthCheckResponse.ServingStatus.Name(message.status)
        except grpc.RpcError as error:
            end = error.code().name
    return {"first": first, "end": end, "lasted": time.monotonic() - begin}


out = {"none": check(given["guard"], None)}
for resource in given["resources"]:
    token = fetch("cc-basic", given["secret"], resource)
    broken = token[:-6] + ("B" if token[-6] == "A" else "A") + token[-5:]
    out[resource] = {
        "good": check(given["guard"], token),
        "broken": check(given["guard"], broken),
        "scope": check(given["guard"], token, "List"),
        "unavailable": check(given["unavailable"], token),
        "watch": watch(given["guard"], fetch("cc-short", given["short_secret"], resource)),
    }
json.dump(out, sys.stdout)
