"""The one table that says what each route of the admin API needs; what is not in it is refused.

Where the need is for an object, the handler checks the very object that it changes or shows, and
not the one that the path names (CVE-2022-31667). Next: `caller`.
"""

from dataclasses import dataclass
from enum import Enum

from entrepot.auth.roles import Action


class On(Enum):
    """Where an action is needed."""

    REGISTRY = "the whole registry"
    PROJECT = "the project in the path"
    OBJECT = "the object, as the handler finds it"
    SELF = "what is the caller's own, or what they may see"
    NOTHING = "nothing: anyone may ask"


@dataclass(frozen=True, slots=True)
class Need:
    """An action, and where it is needed."""

    on: On
    action: Action | None = None


_ANYONE = Need(On.NOTHING)
_SELF = Need(On.SELF)
_READ = Need(On.REGISTRY, Action.AUDIT)
_WRITE = Need(On.REGISTRY, Action.ADMINISTER)
_CONFIGURE = Need(On.OBJECT, Action.CONFIGURE)
_GRANT = Need(On.OBJECT, Action.GRANT)
_PULL = Need(On.OBJECT, Action.PULL)

NEEDS: dict[tuple[str, str], Need] = {
    ("GET", "/openapi.json"): _ANYONE,
    ("GET", "/session"): _SELF,
    ("POST", "/session"): _SELF,
    ("DELETE", "/session"): _SELF,
    ("GET", "/sso/start"): _ANYONE,  # whoever signs on does so to become known
    ("GET", "/sso/callback"): _ANYONE,
    ("POST", "/sso/token"): _ANYONE,
    ("POST", "/sso/exchange"): _ANYONE,
    ("GET", "/users"): _READ,
    ("POST", "/users"): _WRITE,
    ("GET", "/users/{name}"): Need(On.OBJECT, Action.AUDIT),
    ("PATCH", "/users/{name}"): _WRITE,
    ("DELETE", "/users/{name}"): _WRITE,
    ("PUT", "/users/{name}/password"): Need(On.OBJECT, Action.ADMINISTER),
    ("GET", "/groups"): _READ,
    ("POST", "/groups"): _WRITE,
    ("GET", "/groups/{name}"): _READ,
    ("PATCH", "/groups/{name}"): _WRITE,
    ("DELETE", "/groups/{name}"): _WRITE,
    ("PUT", "/groups/{name}/members/{user}"): _WRITE,
    ("DELETE", "/groups/{name}/members/{user}"): _WRITE,
    ("GET", "/robots"): _SELF,
    ("POST", "/robots"): _GRANT,
    ("GET", "/robots/{name}"): _GRANT,
    ("PATCH", "/robots/{name}"): _GRANT,
    ("DELETE", "/robots/{name}"): _GRANT,
    ("POST", "/robots/{name}/rotate"): _GRANT,
    ("DELETE", "/robots/{name}/secrets/{number}"): _GRANT,
    ("GET", "/tokens"): _SELF,
    ("POST", "/tokens"): _SELF,
    ("DELETE", "/tokens/{number}"): _SELF,
    ("POST", "/tokens/{number}/rotate"): _SELF,
    ("GET", "/projects"): _SELF,
    ("POST", "/projects"): Need(On.REGISTRY, Action.CREATE),
    ("GET", "/projects/{project}"): Need(On.OBJECT, Action.PULL),
    ("PATCH", "/projects/{project}"): Need(On.PROJECT, Action.CONFIGURE),
    ("DELETE", "/projects/{project}"): Need(On.PROJECT, Action.GRANT),
    ("GET", "/projects/{project}/repositories"): _SELF,
    ("GET", "/repositories"): _SELF,
    ("GET", "/repositories/{name}"): Need(On.OBJECT, Action.PULL),
    ("DELETE", "/repositories/{name}"): Need(On.OBJECT, Action.DELETE),
    ("GET", "/tags"): Need(On.OBJECT, Action.PULL),
    ("DELETE", "/tags"): Need(On.OBJECT, Action.DELETE),
    ("GET", "/changes"): _SELF,
    ("GET", "/immutable-tags"): _SELF,
    ("POST", "/immutable-tags"): Need(On.OBJECT, Action.CONFIGURE),
    ("DELETE", "/immutable-tags/{number}"): Need(On.OBJECT, Action.CONFIGURE),
    ("GET", "/tags/diff"): Need(On.OBJECT, Action.PULL),
    ("GET", "/tags/history"): Need(On.OBJECT, Action.PULL),
    ("GET", "/tags/moved"): Need(On.OBJECT, Action.PULL),
    ("GET", "/tags/resolve"): Need(On.OBJECT, Action.PULL),
    ("POST", "/tags/rollback"): Need(On.OBJECT, Action.MOVE),
    ("GET", "/versions"): Need(On.OBJECT, Action.PULL),
    ("GET", "/versions/resolve"): Need(On.OBJECT, Action.PULL),
    ("GET", "/versions/next"): Need(On.OBJECT, Action.PULL),
    ("PUT", "/versions/notes"): Need(On.OBJECT, Action.PUSH),
    ("GET", "/versions/scheme"): Need(On.OBJECT, Action.PULL),
    ("PUT", "/versions/scheme"): Need(On.OBJECT, Action.CONFIGURE),
    ("GET", "/floating-tags"): _SELF,
    ("PUT", "/floating-tags"): Need(On.OBJECT, Action.CONFIGURE),
    ("DELETE", "/floating-tags"): Need(On.OBJECT, Action.CONFIGURE),
    ("GET", "/trash"): _SELF,
    ("GET", "/trash/{number}"): Need(On.OBJECT, Action.DELETE),
    ("POST", "/trash/{number}/restore"): Need(On.OBJECT, Action.DELETE),  # MOVE too, if tags move
    ("DELETE", "/trash/{number}"): Need(On.OBJECT, Action.GRANT),
    ("GET", "/encryption"): _READ,
    ("POST", "/encryption/rotate"): _WRITE,
    ("POST", "/encryption/encrypt-old"): _WRITE,
    ("GET", "/gc"): _READ,
    ("POST", "/gc"): _WRITE,
    ("GET", "/retention"): _SELF,
    ("PUT", "/retention"): Need(On.OBJECT, Action.CONFIGURE),
    ("DELETE", "/retention"): Need(On.OBJECT, Action.CONFIGURE),
    ("POST", "/retention/plan"): Need(On.OBJECT, Action.CONFIGURE),
    ("POST", "/retention/apply"): Need(On.OBJECT, Action.CONFIGURE),
    ("GET", "/signers"): _SELF,
    ("PUT", "/signers/{project}/{name}"): Need(On.PROJECT, Action.CONFIGURE),
    ("DELETE", "/signers/{project}/{name}"): Need(On.PROJECT, Action.CONFIGURE),
    ("GET", "/demands"): _SELF,
    ("PUT", "/demands"): Need(On.OBJECT, Action.CONFIGURE),
    ("DELETE", "/demands"): Need(On.OBJECT, Action.CONFIGURE),
    ("GET", "/signatures"): Need(On.OBJECT, Action.PULL),
    ("GET", "/jobs"): _READ,
    ("GET", "/jobs/{name}"): _READ,
    ("POST", "/jobs/{name}/run"): _WRITE,
    ("GET", "/scrub"): _READ,
    ("POST", "/scrub"): _WRITE,
    ("GET", "/scrub/quarantine"): _READ,
    ("GET", "/quotas"): _SELF,
    ("GET", "/quotas/{project}"): Need(On.OBJECT, Action.PULL),
    ("PUT", "/quotas/{project}"): _WRITE,
    ("GET", "/grants"): _SELF,
    ("POST", "/grants"): _GRANT,
    ("DELETE", "/grants/{number}"): _GRANT,
    ("GET", "/certificates"): _READ,
    ("PUT", "/certificates/{name}"): _WRITE,
    ("DELETE", "/certificates/{name}"): _WRITE,
    ("GET", "/issuers"): _READ,
    ("PUT", "/issuers"): _WRITE,
    ("DELETE", "/issuers"): _WRITE,
    ("GET", "/trusts"): _READ,
    ("GET", "/trusts/{name}"): _READ,
    ("PUT", "/trusts/{name}"): _WRITE,
    ("DELETE", "/trusts/{name}"): _WRITE,
    ("POST", "/trusts/test"): _WRITE,
    ("GET", "/clusters"): _SELF,
    ("PUT", "/clusters/{cluster}/images"): Need(On.REGISTRY, Action.REPORT),
    ("DELETE", "/clusters/{cluster}"): _WRITE,
    ("GET", "/images"): _SELF,
    ("GET", "/images/uses"): Need(On.OBJECT, Action.PULL),
    ("GET", "/channels"): _PULL,
    ("PUT", "/channels"): Need(On.OBJECT, Action.CONFIGURE),
    ("PATCH", "/channels/gates"): Need(On.OBJECT, Action.CONFIGURE),
    ("PUT", "/channels/freeze"): Need(On.OBJECT, Action.CONFIGURE),
    ("DELETE", "/channels/freeze"): Need(On.OBJECT, Action.CONFIGURE),
    ("GET", "/promotions"): _PULL,
    ("GET", "/promotions/plan"): _PULL,
    ("POST", "/promotions"): Need(On.OBJECT, Action.PUSH),  # and the role that the channel asks for
    ("POST", "/promotions/rollback"): Need(On.OBJECT, Action.PUSH),  # and that role, too
    ("GET", "/approvals"): _PULL,
    ("POST", "/approvals"): _PULL,  # and the role that the channel asks of whoever approves
    ("DELETE", "/approvals"): _PULL,  # their own
    ("GET", "/reports"): _PULL,
    ("POST", "/reports"): Need(On.OBJECT, Action.PUSH),
    ("GET", "/reports/{number}/document"): _PULL,
    ("GET", "/bad-versions"): _PULL,
    ("POST", "/bad-versions"): Need(On.OBJECT, Action.MOVE),
    ("DELETE", "/bad-versions"): Need(On.OBJECT, Action.MOVE),
    ("GET", "/replications"): _READ,
    ("POST", "/replications"): _WRITE,
    ("GET", "/replications/{name}"): _READ,
    ("PATCH", "/replications/{name}"): _WRITE,
    ("DELETE", "/replications/{name}"): _WRITE,
    ("POST", "/replications/{name}/run"): _WRITE,
    ("GET", "/replications/{name}/tags"): _READ,
    ("GET", "/upstreams"): _READ,
    ("POST", "/upstreams"): _WRITE,
    ("GET", "/upstreams/{project}"): _READ,
    ("PATCH", "/upstreams/{project}"): _WRITE,
    ("DELETE", "/upstreams/{project}"): _WRITE,
    ("POST", "/upstreams/{project}/check"): _WRITE,
    ("GET", "/webhooks"): _SELF,
    ("POST", "/webhooks"): _CONFIGURE,
    ("GET", "/webhooks/{webhook}"): _CONFIGURE,
    ("PATCH", "/webhooks/{webhook}"): _CONFIGURE,
    ("DELETE", "/webhooks/{webhook}"): _CONFIGURE,
    ("POST", "/webhooks/{webhook}/rotate"): _CONFIGURE,
    ("POST", "/webhooks/{webhook}/test"): _CONFIGURE,
    ("GET", "/webhooks/{webhook}/deliveries"): _CONFIGURE,
    ("POST", "/webhooks/{webhook}/replay"): _CONFIGURE,
    ("GET", "/keys"): _READ,
    ("POST", "/keys/rotate"): _WRITE,
    ("GET", "/audit"): Need(On.OBJECT, Action.AUDIT),  # an owner, of the own project alone
    ("GET", "/audit/export"): Need(On.OBJECT, Action.AUDIT),
    ("GET", "/audit/verify"): _READ,
    ("GET", "/audit/review"): _READ,
    ("GET", "/can"): Need(On.OBJECT, Action.GRANT),
}
"""By method and path below /api/v1."""
