"""Every route of the admin API against everybody, however they come (CVE-2022-31667 and its kin).

Who may do what is written down here once more, apart from the table of the code under test.
"""

import itertools
import json
from typing import Any, NamedTuple, cast

import pytest
from tests.security.cast import HOOKS, Cast
from tests.signatures.signed import curve, pem

from entrepot.admin.app import build
from entrepot.admin.caller import PREFIX
from entrepot.admin.needs import NEEDS

_fresh = itertools.count(1)


class Row(NamedTuple):
    """What a route wants, and a request to it that harms nothing where it is let through."""

    wants: str
    path: str
    body: Any = None


GRANT = {"subject": "user:bystander", "role": "reader", "pattern": "team/none"}
ANOTHER = {"subject": "user:bystander", "role": "reader", "pattern": "other/none"}
RULE = {"field": "cn", "pattern": "nobody-has-this", "account": "user:bystander"}
TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.AA"
EXCHANGE = {"code": "none", "verifier": "none"}
TRUST = {"issuer": "https://not-there.test", "audience": "x", "claims": {"sub": "nobody"}}
FIXED = {"kind": "glob", "tags": "never-pushed"}
SIGNER = {"key": {"pem": pem(curve())}}
RUNS = {"namespace": "n", "kind": "Pod", "workload": "w", "container": "c", "image": "x"}

NO_CHANNELS: dict[str, list[str]] = {"channels": []}
TEAM_APP = {"repository": "team/app", "version": "t"}
OTHER_APP = {"repository": "other/secret", "version": "t"}
BACK = {"channel": "not-there"}
REPORT = {"version": "not-there", "name": "tests", "passed": True}
HOOK = {"url": "https://127.0.0.1:9/hook"}

TEAM = {"role": "reader", "pattern": "team/*"}


def robot(role: str, pattern: str) -> dict[str, Any]:
    """A robot to be made."""
    return {"name": "new-{}", "grants": [{"role": role, "pattern": pattern}]}


def _hooks(wants: str, path: str, body: Any = None) -> list[Row]:
    """The same request to each webhook, and to one that is not there."""
    rows = [
        Row(f"{wants} {whose}", f"/webhooks/{number}{path}", body)
        for number, whose in zip(HOOKS, ("team", "other", "all"), strict=True)
    ]
    return [*rows, Row("known", f"/webhooks/99999999{path}", body)]


ROUTES = {
    ("GET", "/openapi.json"): [Row("anyone", "/openapi.json")],
    ("GET", "/session"): [Row("known", "/session")],
    ("POST", "/session"): [Row("password", "/session", {"name": "attacked"})],
    ("DELETE", "/session"): [Row("known", "/session")],
    ("GET", "/sso/start"): [Row("anyone", "/sso/start?not-there")],
    ("GET", "/sso/callback"): [Row("anyone", "/sso/callback?not-there")],
    ("POST", "/sso/token"): [Row("anyone", "/sso/token?not-there")],
    ("POST", "/sso/exchange"): [Row("anyone", "/sso/exchange?not-there", EXCHANGE)],
    ("GET", "/users"): [Row("audit", "/users")],
    ("POST", "/users"): [Row("administer", "/users", {"name": "new-{}"})],
    ("GET", "/users/{name}"): [
        Row("audit", "/users/bystander"),
        Row("reader herself", "/users/reader"),
    ],
    ("PATCH", "/users/{name}"): [Row("administer", "/users/bystander", {"description": "x"})],
    ("DELETE", "/users/{name}"): [Row("administer", "/users/not-there")],
    ("PUT", "/users/{name}/password"): [
        Row("administer", "/users/not-there/password", {"password": "long enough"})
    ],
    ("GET", "/groups"): [Row("audit", "/groups")],
    ("POST", "/groups"): [Row("administer", "/groups", {"name": "new-{}"})],
    ("GET", "/groups/{name}"): [Row("audit", "/groups/not-there")],
    ("PATCH", "/groups/{name}"): [Row("administer", "/groups/not-there", {"description": "x"})],
    ("DELETE", "/groups/{name}"): [Row("administer", "/groups/not-there")],
    ("PUT", "/groups/{name}/members/{user}"): [Row("administer", "/groups/not-there/members/x")],
    ("DELETE", "/groups/{name}/members/{user}"): [Row("administer", "/groups/not-there/members/x")],
    ("GET", "/robots"): [Row("known", "/robots")],
    ("POST", "/robots"): [
        Row("grant team", "/robots", robot("reader", "team/none")),
        Row("grant other", "/robots", robot("reader", "other/none")),
        Row("administer", "/robots", robot("reader", "te*")),
        Row("administer", "/robots", robot("auditor", "*")),
        Row("administer", "/robots", {"name": "new-{}"}),
    ],
    ("GET", "/robots/{name}"): [Row("see robot", "/robots/ci")],
    ("PATCH", "/robots/{name}"): [Row("manage robot", "/robots/ci", {"description": "x"})],
    ("DELETE", "/robots/{name}"): [Row("known", "/robots/not-there")],
    ("POST", "/robots/{name}/rotate"): [Row("manage robot", "/robots/ci/rotate", {})],
    ("DELETE", "/robots/{name}/secrets/{number}"): [
        Row("known", "/robots/not-there/secrets/1"),
        Row("manage robot", "/robots/ci/secrets/999999999"),
    ],
    ("GET", "/tokens"): [
        Row("known", "/tokens"),
        Row("audit", "/tokens?user=bystander"),
        Row("reader herself", "/tokens?user=reader"),
    ],
    ("POST", "/tokens"): [Row("person", "/tokens", {"name": "new", "limits": [TEAM]})],
    ("DELETE", "/tokens/{number}"): [Row("known", "/tokens/999999999")],
    ("POST", "/tokens/{number}/rotate"): [Row("person", "/tokens/999999999/rotate", {})],
    ("GET", "/projects"): [Row("known", "/projects")],
    ("POST", "/projects"): [Row("create", "/projects", {"name": "new-{}"})],
    ("GET", "/projects/{project}"): [
        Row("see team", "/projects/team"),
        Row("known", "/projects/open"),
        Row("see other", "/projects/other"),
    ],
    ("PATCH", "/projects/{project}"): [
        Row("configure team", "/projects/team", {}),
        Row("administer", "/projects/open", {}),
        Row("configure other", "/projects/other", {}),
        Row("administer", "/projects/not-there", {}),
    ],
    ("DELETE", "/projects/{project}"): [
        Row("grant team", "/projects/team"),
        Row("grant other", "/projects/other"),
        Row("administer", "/projects/not-there"),
    ],
    ("GET", "/projects/{project}/repositories"): [Row("known", "/projects/team/repositories")],
    ("GET", "/repositories"): [Row("known", "/repositories")],
    ("GET", "/repositories/{name}"): [
        Row("pull team", "/repositories/team/app"),
        Row("pull other", "/repositories/other/secret"),
        Row("known", "/repositories/open/app"),
        Row("pull team", "/repositories/team/not-there"),
    ],
    ("DELETE", "/repositories/{name}"): [  # without confirm= nothing is deleted
        Row("delete team", "/repositories/team/app"),
        Row("delete other", "/repositories/other/secret"),
        Row("administer", "/repositories/open/app"),
        Row("delete team", "/repositories/team/not-there?confirm=team/not-there"),
    ],
    ("GET", "/tags"): [
        Row("pull team", "/tags?repository=team/app"),
        Row("pull other", "/tags?repository=other/secret"),
        Row("known", "/tags?repository=open/app"),
    ],
    ("DELETE", "/tags"): [
        Row("delete team", "/tags?repository=team/app&tag=not-there"),
        Row("delete other", "/tags?repository=other/secret&tag=not-there"),
        Row("administer", "/tags?repository=open/app&tag=not-there"),
    ],
    ("GET", "/changes"): [
        Row("known", "/changes"),
        Row("known", "/changes?after=0&repository=other/secret"),
    ],
    ("GET", "/immutable-tags"): [
        Row("known", "/immutable-tags"),
        Row("pull team", "/immutable-tags?repository=team/app"),
        Row("pull other", "/immutable-tags?repository=other/secret"),
        Row("known", "/immutable-tags?repository=open/app"),
    ],
    ("POST", "/immutable-tags"): [
        Row("configure team", "/immutable-tags", {**FIXED, "repositories": "team/none"}),
        Row("configure team", "/immutable-tags", {**FIXED, "repositories": "team"}),
        Row("configure other", "/immutable-tags", {**FIXED, "repositories": "other/none"}),
    ],
    ("DELETE", "/immutable-tags/{number}"): [Row("known", "/immutable-tags/999999999")],
    **{
        ("GET", path): [
            Row("pull team", f"{path}?repository=team/app&tag=t"),
            Row("pull other", f"{path}?repository=other/secret&tag=not-there"),
            Row("known", f"{path}?repository=open/app&tag=not-there"),
        ]
        for path in ("/tags/history", "/tags/resolve")
    },
    ("GET", "/tags/moved"): [
        Row("pull team", "/tags/moved?repository=team/app&tag=t"),
        Row("pull other", "/tags/moved?repository=other/secret&tag=t"),
        Row("known", "/tags/moved?repository=open/app&tag=never"),
    ],
    ("GET", "/tags/diff"): [
        Row("pull team", "/tags/diff?repository=team/app&old=t&new=t"),
        Row("pull other", "/tags/diff?repository=other/secret&old=not-there&new=t"),
        Row("known", "/tags/diff?repository=open/app&old=not-there&new=t"),
    ],
    ("POST", "/tags/rollback"): [
        Row("delete team", "/tags/rollback?repository=team/app&tag=not-there", {}),
        Row("delete other", "/tags/rollback?repository=other/secret&tag=not-there", {}),
        Row("administer", "/tags/rollback?repository=open/app&tag=not-there", {}),
    ],
    ("GET", "/versions"): [
        Row("pull team", "/versions?repository=team/app"),
        Row("pull other", "/versions?repository=other/secret"),
        Row("known", "/versions?repository=open/app"),
    ],
    ("GET", "/versions/resolve"): [
        Row("pull team", "/versions/resolve?repository=team/app&version=not-there"),
        Row("pull other", "/versions/resolve?repository=other/secret&version=not-there"),
        Row("known", "/versions/resolve?repository=open/app&version=not-there"),
    ],
    ("GET", "/versions/next"): [
        Row("pull team", "/versions/next?repository=team/app"),
        Row("pull other", "/versions/next?repository=other/secret"),
        Row("known", "/versions/next?repository=open/app"),
    ],
    ("PUT", "/versions/notes"): [
        Row("push team", "/versions/notes?repository=team/app&tag=not-there", {"plan": "x"}),
        Row("push other", "/versions/notes?repository=other/secret&tag=not-there", {"plan": "x"}),
        Row("administer", "/versions/notes?repository=open/app&tag=not-there", {"plan": "x"}),
    ],
    ("GET", "/versions/scheme"): [
        Row("pull team", "/versions/scheme?repository=team/app"),
        Row("pull other", "/versions/scheme?repository=other/secret"),
        Row("known", "/versions/scheme?repository=open/app"),
    ],
    ("PUT", "/versions/scheme"): [
        Row("delete team", "/versions/scheme?repository=team/app", {}),
        Row("delete other", "/versions/scheme?repository=other/secret", {}),
        Row("administer", "/versions/scheme?repository=open/app", {}),
    ],
    ("GET", "/floating-tags"): [
        Row("known", "/floating-tags"),
        Row("pull team", "/floating-tags?repository=team/app"),
        Row("pull other", "/floating-tags?repository=other/secret"),
        Row("known", "/floating-tags?repository=open/app"),
    ],
    ("PUT", "/floating-tags"): [
        Row("configure team", "/floating-tags?pattern=team/none", {"major": True}),
        Row("configure team", "/floating-tags?pattern=team&dry_run=true", {"major": True}),
        Row("configure other", "/floating-tags?pattern=other/none", {"major": True}),
    ],
    ("DELETE", "/floating-tags"): [
        Row("configure team", "/floating-tags?pattern=team/not-there"),
        Row("configure other", "/floating-tags?pattern=other/not-there"),
    ],
    ("GET", "/trash"): [Row("known", "/trash"), Row("known", "/trash?repository=other/secret")],
    ("GET", "/trash/{number}"): [
        Row("look team", "/trash/1"),
        Row("look other", "/trash/3"),
        Row("known", "/trash/999999999"),
    ],
    ("POST", "/trash/{number}/restore"): [
        Row("known", "/trash/999999999/restore"),
    ],
    ("DELETE", "/trash/{number}"): [Row("known", "/trash/999999999")],
    ("GET", "/encryption"): [Row("audit", "/encryption")],
    ("POST", "/encryption/rotate"): [Row("administer", "/encryption/rotate")],
    ("POST", "/encryption/encrypt-old"): [Row("administer", "/encryption/encrypt-old")],
    ("GET", "/gc"): [Row("audit", "/gc")],
    ("POST", "/gc"): [Row("administer", "/gc")],
    ("GET", "/retention"): [Row("known", "/retention")],
    ("PUT", "/retention"): [
        Row("configure team", "/retention?pattern=team/*", {"keep_newest": 100}),
        Row("configure other", "/retention?pattern=other/*", {"keep_newest": 100}),
        Row("administer", "/retention?pattern=*", {"keep_newest": 100}),
    ],
    ("DELETE", "/retention"): [
        Row("configure team", "/retention?pattern=team/*"),
        Row("administer", "/retention?pattern=*"),
    ],
    ("POST", "/retention/plan"): [
        Row("configure team", "/retention/plan?pattern=team/*", {"keep_newest": 100}),
        Row("configure other", "/retention/plan?pattern=other/*", {"keep_newest": 100}),
    ],
    ("POST", "/retention/apply"): [
        Row("configure team", "/retention/apply?pattern=team/*"),
        Row("configure other", "/retention/apply?pattern=other/*"),
    ],
    ("GET", "/signers"): [Row("known", "/signers"), Row("known", "/signers?project=other")],
    ("PUT", "/signers/{project}/{name}"): [
        Row("configure team", "/signers/team/ci", SIGNER),
        Row("configure other", "/signers/other/ci", SIGNER),
        Row("administer", "/signers/not-there/ci", SIGNER),
    ],
    ("DELETE", "/signers/{project}/{name}"): [
        Row("configure team", "/signers/team/not-there"),
        Row("configure other", "/signers/other/not-there"),
    ],
    ("GET", "/demands"): [Row("known", "/demands")],
    ("PUT", "/demands"): [  # of images that nobody pulls
        Row("configure team", "/demands?pattern=team/none", {"signers": ["ci"]}),
        Row("configure other", "/demands?pattern=other/none", {"signers": ["ci"]}),
        Row("administer", "/demands?pattern=not-there/none", {"signers": ["ci"]}),
    ],
    ("DELETE", "/demands"): [
        Row("configure team", "/demands?pattern=team/not-there"),
        Row("configure other", "/demands?pattern=other/not-there"),
    ],
    ("GET", "/signatures"): [
        Row("pull team", "/signatures?repository=team/app&digest=t"),
        Row("pull other", "/signatures?repository=other/secret&digest=t"),
        Row("known", "/signatures?repository=open/app&digest=t"),
        Row("pull team", "/signatures?repository=team/not-there&digest=t"),
    ],
    ("GET", "/jobs"): [Row("audit", "/jobs")],
    ("GET", "/jobs/{name}"): [Row("audit", "/jobs/collect")],
    ("POST", "/jobs/{name}/run"): [Row("administer", "/jobs/measure/run")],
    ("GET", "/scrub"): [Row("audit", "/scrub")],
    ("POST", "/scrub"): [Row("administer", "/scrub")],
    ("GET", "/scrub/quarantine"): [Row("audit", "/scrub/quarantine")],
    ("GET", "/quotas"): [Row("known", "/quotas")],
    ("GET", "/quotas/{project}"): [
        Row("see team", "/quotas/team"),
        Row("known", "/quotas/open"),
        Row("see other", "/quotas/other"),
    ],
    ("PUT", "/quotas/{project}"): [
        Row("administer", "/quotas/team", {"bytes": None}),
        Row("administer", "/quotas/not-there", {"bytes": 1}),
    ],
    ("GET", "/grants"): [Row("known", "/grants")],
    ("POST", "/grants"): [
        Row("grant team", "/grants", GRANT),
        Row("grant other", "/grants", ANOTHER),
        Row("administer", "/grants", {**GRANT, "pattern": "*"}),
        Row("administer", "/grants", {**GRANT, "role": "creator", "pattern": "*"}),
        Row("administer", "/grants", {**GRANT, "pattern": "te*"}),
    ],
    ("DELETE", "/grants/{number}"): [Row("known", "/grants/999999999")],
    ("GET", "/certificates"): [Row("audit", "/certificates")],
    ("PUT", "/certificates/{name}"): [Row("administer", "/certificates/a", RULE)],
    ("DELETE", "/certificates/{name}"): [Row("administer", "/certificates/not-there")],
    ("GET", "/issuers"): [Row("audit", "/issuers")],
    ("PUT", "/issuers"): [Row("administer", "/issuers", {"url": "https://issuer.test"})],
    ("DELETE", "/issuers"): [Row("administer", "/issuers?url=https://not-there.test")],
    ("GET", "/trusts"): [Row("audit", "/trusts")],
    ("GET", "/trusts/{name}"): [Row("audit", "/trusts/not-there")],
    ("PUT", "/trusts/{name}"): [Row("administer", "/trusts/not-there", TRUST)],
    ("DELETE", "/trusts/{name}"): [Row("administer", "/trusts/not-there")],
    ("POST", "/trusts/test"): [Row("administer", "/trusts/test", {"token": TOKEN})],
    ("GET", "/clusters"): [Row("known", "/clusters")],
    ("PUT", "/clusters/{cluster}/images"): [
        Row("report", "/clusters/test/images", {"images": [RUNS]}),
    ],
    ("DELETE", "/clusters/{cluster}"): [Row("administer", "/clusters/not-there")],
    ("GET", "/images"): [Row("known", "/images")],
    ("GET", "/images/uses"): [
        Row("pull team", "/images/uses?repository=team/app&reference=t"),
        Row("pull other", "/images/uses?repository=other/secret"),
        Row("known", "/images/uses?repository=open/app"),
    ],
    ("GET", "/channels"): [
        Row("see team", "/channels?scope=team"),
        Row("pull team", "/channels?scope=team/app"),
        Row("pull other", "/channels?scope=other/secret"),
        Row("known", "/channels?scope=open"),
    ],
    ("PUT", "/channels"): [
        Row("configure team", "/channels?scope=team", NO_CHANNELS),
        Row("delete team", "/channels?scope=team/app", NO_CHANNELS),
        Row("configure other", "/channels?scope=other", NO_CHANNELS),
        Row("delete other", "/channels?scope=other/secret", NO_CHANNELS),
        Row("administer", "/channels?scope=open", NO_CHANNELS),
        Row("administer", "/channels?scope=not-there", NO_CHANNELS),
    ],
    ("PATCH", "/channels/gates"): [
        Row("configure team", "/channels/gates?scope=team&channel=not-there", {"approvals": 1}),
        Row("delete other", "/channels/gates?scope=other/secret&channel=not-there", {"soak": 1}),
    ],
    ("PUT", "/channels/freeze"): [
        Row("configure team", "/channels/freeze?scope=team&channel=not-there"),
        Row("delete other", "/channels/freeze?scope=other/secret&channel=not-there"),
    ],
    ("DELETE", "/channels/freeze"): [
        Row("configure team", "/channels/freeze?scope=team&channel=not-there"),
        Row("delete other", "/channels/freeze?scope=other/secret&channel=not-there"),
    ],
    ("GET", "/promotions"): [
        Row("pull team", "/promotions?repository=team/app"),
        Row("pull other", "/promotions?repository=other/secret"),
    ],
    ("GET", "/promotions/plan"): [
        Row("pull team", "/promotions/plan?repository=team/app&version=t&to=not-there"),
        Row("pull other", "/promotions/plan?repository=other/secret&version=t&to=not-there"),
    ],
    ("POST", "/promotions"): [
        Row("push team", "/promotions?not-there", {**TEAM_APP, "to": "not-there"}),
        Row("push other", "/promotions?not-there", {**OTHER_APP, "to": "not-there"}),
    ],
    ("POST", "/promotions/rollback"): [
        Row("push team", "/promotions/rollback?not-there", {**BACK, "repository": "team/app"}),
        Row("push other", "/promotions/rollback?not-there", {**BACK, "repository": "other/secret"}),
    ],
    ("GET", "/approvals"): [
        Row("pull team", "/approvals?repository=team/app&version=t"),
        Row("pull other", "/approvals?repository=other/secret&version=not-there"),
    ],
    ("POST", "/approvals"): [
        Row("pull team", "/approvals?not-there", {**TEAM_APP, "to": "not-there"}),
        Row("pull other", "/approvals?not-there", {**OTHER_APP, "to": "not-there"}),
    ],
    ("DELETE", "/approvals"): [
        Row("pull team", "/approvals?repository=team/app&version=t&to=not-there"),
        Row("pull other", "/approvals?repository=other/secret&version=t&to=not-there"),
    ],
    ("GET", "/reports"): [
        Row("pull team", "/reports?repository=team/app&version=t"),
        Row("pull other", "/reports?repository=other/secret&version=not-there"),
    ],
    ("POST", "/reports"): [
        Row("push team", "/reports?not-there", {**REPORT, "repository": "team/app"}),
        Row("push other", "/reports?not-there", {**REPORT, "repository": "other/secret"}),
    ],
    ("GET", "/reports/{number}/document"): [
        Row("pull team", "/reports/999999999/document?repository=team/app"),
        Row("pull other", "/reports/999999999/document?repository=other/secret"),
    ],
    ("GET", "/bad-versions"): [
        Row("pull team", "/bad-versions?repository=team/app"),
        Row("pull other", "/bad-versions?repository=other/secret"),
    ],
    ("POST", "/bad-versions"): [
        Row("delete team", "/bad-versions?not-there", {**TEAM_APP, "version": "not-there"}),
        Row("delete other", "/bad-versions?not-there", {**OTHER_APP, "version": "not-there"}),
    ],
    ("DELETE", "/bad-versions"): [
        Row("delete team", "/bad-versions?repository=team/app&version=not-there"),
        Row("delete other", "/bad-versions?repository=other/secret&version=not-there"),
    ],
    ("GET", "/replications"): [Row("audit", "/replications")],
    ("POST", "/replications"): [
        Row(
            "administer",
            "/replications",
            {"name": "new-{}", "url": "https://127.0.0.1:9", "pattern": "team/*", "paused": True},
        )
    ],
    ("GET", "/replications/{name}"): [Row("audit", "/replications/not-there")],
    ("PATCH", "/replications/{name}"): [Row("administer", "/replications/not-there", {})],
    ("DELETE", "/replications/{name}"): [Row("administer", "/replications/not-there")],
    ("POST", "/replications/{name}/run"): [Row("administer", "/replications/not-there/run")],
    ("GET", "/replications/{name}/tags"): [Row("audit", "/replications/not-there/tags")],
    ("GET", "/upstreams"): [Row("audit", "/upstreams")],
    ("POST", "/upstreams"): [
        Row("administer", "/upstreams", {"project": "new-{}", "url": "https://new-{}.test"})
    ],
    ("GET", "/upstreams/{project}"): [Row("audit", "/upstreams/not-there")],
    ("PATCH", "/upstreams/{project}"): [Row("administer", "/upstreams/not-there", {})],
    ("DELETE", "/upstreams/{project}"): [Row("administer", "/upstreams/not-there")],
    ("POST", "/upstreams/{project}/check"): [Row("administer", "/upstreams/not-there/check")],
    ("GET", "/webhooks"): [Row("known", "/webhooks")],
    ("POST", "/webhooks"): [
        Row("configure team", "/webhooks", {**HOOK, "pattern": "team/*"}),
        Row("configure other", "/webhooks", {**HOOK, "pattern": "other/app"}),
        Row("administer", "/webhooks", {**HOOK, "pattern": "*"}),
        Row("administer", "/webhooks", {**HOOK, "pattern": "te*"}),
    ],
    ("GET", "/webhooks/{webhook}"): _hooks("see hook", ""),
    ("PATCH", "/webhooks/{webhook}"): _hooks("manage hook", "", {"about": "x"}),
    ("DELETE", "/webhooks/{webhook}"): [Row("known", "/webhooks/99999999")],
    ("POST", "/webhooks/{webhook}/rotate"): _hooks("manage hook", "/rotate", {"overlap": 1}),
    ("POST", "/webhooks/{webhook}/test"): _hooks("manage hook", "/test"),
    ("GET", "/webhooks/{webhook}/deliveries"): _hooks("see hook", "/deliveries"),
    ("POST", "/webhooks/{webhook}/replay"): _hooks("manage hook", "/replay", {"dead": True}),
    ("GET", "/keys"): [Row("audit", "/keys")],
    ("POST", "/keys/rotate"): [Row("administer", "/keys/rotate")],
    **{
        ("GET", path): [
            Row("audit", path),
            Row("audit", f"{path}?repository=te*"),
            Row("trail team", f"{path}?repository=team/*"),
            Row("trail team", f"{path}?repository=team/app"),
            Row("trail other", f"{path}?repository=other/app"),
        ]
        for path in ("/audit", "/audit/export")
    },
    ("GET", "/audit/verify"): [Row("audit", "/audit/verify")],
    ("GET", "/audit/review"): [Row("audit", "/audit/review")],
    ("GET", "/can"): [
        Row("ask team", "/can?actor=user:bystander&action=pull&repository=team/app"),
        Row("ask other", "/can?actor=user:bystander&action=pull&repository=other/app"),
        Row("ask nowhere", "/can?actor=user:bystander&action=pull&repository=nowhere/app"),
        Row("reader herself", "/can?actor=user:reader&action=pull&repository=nowhere/app"),
    ],
}

ROBOT = frozenset({"known"})
KNOWN = ROBOT | {"person"}
_AUDIT = {"audit", "see team", "see other", "ask team", "ask other", "ask nowhere", "see robot"}
_AUDIT |= {"trail team", "trail other", "look team", "look other"}
_AUDIT |= {"see hook team", "see hook other", "see hook all"}
_OWNS = {"see team", "configure team", "grant team", "ask team", "see robot", "manage robot"}
_OWNS |= {"trail team", "pull team", "push team", "delete team", "look team"}
_HOOK = {"see hook team", "manage hook team"}
_OWNS |= _HOOK
_ALONE = {"reader herself"}

MAY: dict[str, frozenset[str]] = {
    "anonymous": frozenset(),
    "nobody": KNOWN,
    "reader": KNOWN | {"see team", "pull team"} | _ALONE,
    "writer": KNOWN | {"see team", "pull team", "push team"},
    "maintainer": KNOWN
    | {"see team", "configure team", "pull team", "push team", "delete team", "look team"}
    | _HOOK,
    "owner": KNOWN | _OWNS,
    "stranger": KNOWN
    | {"see other", "configure other", "grant other", "ask other", "trail other"}
    | {"pull other", "push other", "delete other", "look other"}
    | {"see hook other", "manage hook other"},
    "creator": KNOWN | {"create"},
    "auditor": KNOWN | _AUDIT | _ALONE,
    "reporter": KNOWN | {"report"},
    "admin": KNOWN
    | _AUDIT
    | _OWNS
    | _ALONE
    | {
        "administer",
        "create",
        "report",
        "configure other",
        "grant other",
        "pull other",
        "push other",
        "delete other",
        "manage hook other",
        "manage hook all",
    },
    "robot": ROBOT | {"see team", "pull team", "push team"},
    "limited": KNOWN | {"see team", "pull team"},
}

USERS = set(MAY) - {"anonymous", "robot", "limited"}

UNSEEN = {"see team", "see other", "see robot", "pull team", "pull other"}
UNSEEN |= {"see hook team", "see hook other", "see hook all"}
"""Where who may not is told that there is nothing."""

WAYS = [(who, way) for who in MAY for way in ("basic", "bearer", "jwt")]
WAYS.remove(("anonymous", "bearer"))


def test_every_route_has_its_need_and_its_row() -> None:
    document = build(cast("Any", None)).openapi()
    served = {
        (method.upper(), path.removeprefix(PREFIX))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert served | {("GET", "/openapi.json")} == set(NEEDS)
    assert set(NEEDS) == set(ROUTES), "a route is new or gone: say here what it wants"


def expected(who: str, way: str, wants: str) -> int:
    """401, 403 or 404 for who is kept out, 0 for who is let in."""
    if wants == "anyone":
        return 0
    if who == "anonymous":
        return 401
    if way == "jwt":  # a registry token is for images
        return 403
    if wants == "password":  # a token makes no other token
        return 0 if who in USERS and way == "basic" else 403
    if wants in MAY[who]:
        return 0
    if wants.startswith("manage "):
        return 403 if wants.replace("manage", "see") in MAY[who] else 404
    what, _, where = wants.partition(" ")
    if what in ("push", "delete", "look"):
        return 403 if f"pull {where}" in MAY[who] else 404
    return 404 if wants in UNSEEN else 403


def rows() -> list[tuple[str, Row]]:
    return [(method, row) for (method, _), each in ROUTES.items() for row in each]


@pytest.mark.parametrize(("who", "way"), WAYS, ids=[f"{who}-{way}" for who, way in WAYS])
def test_every_route(cast: Cast, who: str, way: str) -> None:
    shown = cast.authorization(who, way, ("repository:team/app:pull,push,delete",))
    for method, row in rows():
        if method == "DELETE" and row.path == "/session" and way != "jwt" and who != "anonymous":
            continue  # it would end what the others come by: see below
        body = json.dumps(row.body).replace("{}", str(next(_fresh))) if row.body else ""
        content = b"{}" if row.body == {} else body.encode()
        answer = cast.ask(method, f"{PREFIX}{row.path}", shown, content)
        told = f"{method} {row.path}: {answer.status_code} {answer.text[:300]}"
        wanted = expected(who, way, row.wants)
        assert answer.status_code < 500, told
        if wanted:
            assert answer.status_code == wanted, told
        else:
            assert answer.status_code not in (401, 403, 422), told
            missing = "not-there" in row.path or "999999" in row.path
            assert (answer.status_code == 404) == missing, told
        assert ("www-authenticate" in answer.headers) == (wanted == 401), told


@pytest.mark.parametrize("who", sorted(USERS))
def test_a_session_ends_by_its_own_token_alone(cast: Cast, who: str) -> None:
    ours = f"Bearer {cast.accounts.token(who, name='to be ended').secret}"
    path = f"{PREFIX}/session"
    assert cast.ask("DELETE", path, cast.authorization(who)).status_code == 409
    assert cast.ask("DELETE", path, ours).status_code == 204
    assert cast.ask("GET", path, ours).status_code == 401
    assert cast.ask("GET", path, cast.authorization(who, "bearer")).status_code == 200


@pytest.mark.parametrize("way", ["basic", "bearer"])
@pytest.mark.parametrize("who", ["nobody", "reader", "writer", "maintainer", "stranger", "creator"])
def test_cve_2022_31667_a_grant_is_checked_where_it_lies(cast: Cast, who: str, way: str) -> None:
    """The number of another project's grant opens nothing, and shows nothing."""
    admin, owner = cast.authorization("admin"), cast.authorization("owner")
    found = cast.ask("GET", f"{PREFIX}/grants?limit=1000", admin).json()["items"]
    theirs = [each for each in found if each["subject"] == "user:maintainer"]
    assert len(theirs) == 1
    path = f"{PREFIX}/grants/{theirs[0]['id']}"
    own = who == "maintainer"
    assert cast.ask("DELETE", path, cast.authorization(who, way)).status_code == (
        403 if own else 404
    )
    listed = cast.ask("GET", f"{PREFIX}/grants", cast.authorization(who, way)).json()["items"]
    assert (theirs[0] in listed) == own
    assert theirs[0] in cast.ask("GET", f"{PREFIX}/grants", owner).json()["items"]


TOO_MUCH = [
    ("owner", "owner", "*"),
    ("owner", "owner", "team*"),
    ("owner", "owner", "team-*"),
    ("owner", "reader", "other/app"),
    ("owner", "admin", "*"),
    ("owner", "auditor", "*"),
    ("owner", "creator", "*"),
    ("owner", "reporter", "*"),
    ("owner", "reader", "team-b"),
    ("auditor", "reader", "team/app"),
    ("creator", "owner", "team/*"),
    ("maintainer", "maintainer", "team/*"),
    ("limited", "reader", "team/app"),
    ("robot", "writer", "team/app"),
]


@pytest.mark.parametrize(("who", "role", "pattern"), TOO_MUCH, ids=map(" ".join, TOO_MUCH))
def test_nobody_gives_more_than_is_theirs(cast: Cast, who: str, role: str, pattern: str) -> None:
    admin = cast.authorization("admin")
    asked = f"{PREFIX}/grants?subject=user:bystander&limit=1000"
    before = cast.ask("GET", asked, admin).json()
    wanted = {"subject": "user:bystander", "role": role, "pattern": pattern}
    content = json.dumps(wanted).encode()
    answer = cast.ask("POST", f"{PREFIX}/grants", cast.authorization(who), content)
    assert answer.status_code == 403
    assert cast.ask("GET", asked, admin).json() == before
