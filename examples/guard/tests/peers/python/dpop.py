"""Calls guard with tokens that are bound to a key, with good and bad proofs (RFC 9449)."""

import base64
import hashlib
import json
import secrets
import sys
import time

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

given = json.load(sys.stdin)
guard, demanding = given["guard"], given["demanding"]
http = httpx.Client()


def hashed(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def proof(key, method, url, token=None, **claims):
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    body = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": int(time.time())}
    if token is not None:
        body["ath"] = hashed(token)
    return jwt.encode(header, body | claims, key)


def told(answer):
    body = answer.json() if answer.headers.get("content-type") == "application/json" else None
    challenge = ", ".join(answer.headers.get_list("www-authenticate"))
    return {"status": answer.status_code, "challenge": challenge, "nonce": answer.headers.get("dpop-nonce"), "json": body}


def call(token, proofs, scheme="DPoP", method="GET", url=guard + "/me", headers=()):
    fields = [("authorization", f"{scheme} {token}")] + [("dpop", one) for one in proofs] + list(headers)
    return told(http.request(method, url, headers=fields))


out = {}
for resource in given["resources"]:
    key, other = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    endpoint = given["issuer"] + "/token"
    form = {"grant_type": "client_credentials", "resource": resource}
    answer = http.post(
        endpoint, data=form, auth=("cc-dpop", given["secret"]), headers={"dpop": proof(key, "POST", endpoint)}
    ).raise_for_status()
    token = answer.json()["access_token"]
    me, behind, demanded = guard + "/me", guard + "/behind", demanding + "/me"

    def good(method="GET", url=me, **claims):
        return proof(key, method, url, token, **claims)

    used = good()
    results = {"thumbprint": key.thumbprint(), "good": call(token, [used]), "again": call(token, [good()])}
    results["other_method"] = call(token, [good("POST", behind)], method="POST", url=behind)
    results["behind"] = call(token, [good(url=behind)], url=behind + "?query=is-not-signed")
    results["as_bearer"] = call(token, [good()], scheme="Bearer")
    results["no_proof"] = call(token, [])
    results["replayed"] = call(token, [used])
    results["foreign_key"] = call(token, [proof(other, "GET", me, token)])
    results["wrong_method"] = call(token, [good("POST")])
    results["wrong_url"] = call(token, [good(url=guard + "/scoped")])
    results["wrong_token_hash"] = call(token, [good(ath=hashed("another"))])
    results["old"] = call(token, [good(iat=int(time.time()) - 3600)])
    results["two_proofs"] = call(token, [good(), good()])
    # The host of a request is what its sender wrote.
    spoofed = [("host", "evil.example"), ("x-forwarded-host", "evil.example")]
    results["spoofed_host"] = call(token, [good(url="http://evil.example/me")], headers=spoofed)
    first = call(token, [good(url=demanded)], url=demanded)
    results["no_nonce"] = first
    results["nonce"] = call(token, [good(url=demanded, nonce=first["nonce"])], url=demanded)
    out[resource] = results
json.dump(out, sys.stdout)
