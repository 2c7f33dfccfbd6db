"""Fetches tokens with Authlib and calls guard with each of them."""

import json
import sys

import httpx
from authlib.integrations.httpx_client import OAuth2Client

given = json.load(sys.stdin)
issuer, guard = given["issuer"], given["guard"]


def told(answer):
    body = answer.json() if answer.headers.get("content-type") == "application/json" else None
    return {"status": answer.status_code, "challenge": answer.headers.get("www-authenticate"), "json": body}


def client(scope):
    return OAuth2Client(
        given["client"], given["secret"], scope=scope,
        token_endpoint_auth_method="client_secret_basic", revocation_endpoint_auth_method="client_secret_basic",
    )


out = {}
for resource in given["jwts"] + [given["opaque"]]:
    with client("read") as reader, client("write") as writer:
        for one in (reader, writer):
            one.fetch_token(issuer + "/token", grant_type="client_credentials", resource=resource)
        out[resource] = {
            "me": told(reader.get(guard + "/me")),
            "scoped": told(reader.get(guard + "/scoped")),
            "unscoped": told(writer.get(guard + "/scoped")),
        }
        if resource == given["opaque"]:
            reader.revoke_token(issuer + "/token/revocation", reader.token["access_token"])
            out["revoked"] = told(reader.get(guard + "/me"))
out["none"] = told(httpx.get(guard + "/me"))
out["basic"] = told(httpx.get(guard + "/me", auth=("a", "b")))
json.dump(out, sys.stdout)
