"""Calls guard with a token that is bound to a client certificate (RFC 8705), by HTTP/2 and by gRPC."""

import json
import ssl
import sys

import grpc
import httpx
from authlib.integrations.httpx_client import OAuth2Client
from grpc_health.v1 import health_pb2, health_pb2_grpc

given = json.load(sys.stdin)


def context(ca, certificate):
    made = ssl.create_default_context(cafile=ca)
    if certificate:
        made.load_cert_chain(*certificate)
    return made


with OAuth2Client(
    given["client"], token_endpoint_auth_method="none", verify=context(given["issuer_ca"], given["own"])
) as client:
    token = client.fetch_token(
        given["issuer"] + "/token", grant_type="client_credentials", resource=given["resource"]
    )["access_token"]


def call(certificate):
    with httpx.Client(http2=True, verify=context(given["guard_ca"], certificate)) as http:
        answer = http.get(given["guard"] + "/me", headers={"authorization": f"Bearer {token}"})
    return {"status": answer.status_code, "version": answer.http_version}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check(certificate):
    chain, key = (read(certificate[0]), read(certificate[1])) if certificate else (None, None)
    trust = grpc.ssl_channel_credentials(read(given["guard_ca"]), key, chain)
    with grpc.secure_channel(given["grpc"], trust) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            stub.Check(
                health_pb2.HealthCheckRequest(), metadata=[("authorization", f"Bearer {token}")], timeout=10
            )
        except grpc.RpcError as error:
            return error.code().name
        return "OK"


json.dump(
    {
        "good": call(given["own"]),
        "other": call(given["other"]),
        "none": call(None),
        "grpc_good": check(given["own"]),
        "grpc_other": check(given["other"]),
        "grpc_none": check(None),
    },
    sys.stdout,
)
