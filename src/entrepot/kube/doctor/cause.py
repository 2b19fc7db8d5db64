"""`Cause`: why a pod does not pull, in words: what is wrong, whose it is, and how to mend it.

Names in braces are facts of a `Diagnosis`.
"""

from enum import Enum, unique

_REMAKE = (
    "kubectl -n {namespace} create secret docker-registry {secret} --docker-server={host} "
    "--docker-username=USER --docker-password=PASSWORD --dry-run=client -o yaml | "
    "kubectl apply -f -"
)
_RETYPE = (
    "kubectl -n {namespace} delete secret {secret} && kubectl -n {namespace} create secret "
    "docker-registry {secret} --docker-server={host} --docker-username=USER "
    "--docker-password=PASSWORD"
)
_NAME = (
    "name a secret under imagePullSecrets, or let its service account name it: kubectl -n "
    '{namespace} patch serviceaccount {account} -p \'{{"imagePullSecrets":[{{"name":"NAME"}}]}}\''
    " and make the pod anew"
)
_TRUST = (
    "entrepot kube connect --allow '{namespace}/{account}=reader:{repository}'; why: kubectl -n "
    "{namespace} create token {account} --audience {audience} | entrepot trust test --token-stdin"
)
_WEBHOOK = (
    "mend the service that it names: "
    "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml"
)


@unique
class Cause(Enum):
    """Each with what is wrong, whose it is, and how to mend it."""

    INVALID_NAME = (
        "{image} is no name of an image: {detail}",
        "the author of the pod",
        "write HOST[:PORT]/REPOSITORY:TAG in lower case",
    )
    NEVER_PULLED = (
        "imagePullPolicy is Never, and the node does not have {image}",
        "the author of the pod",
        "set imagePullPolicy to IfNotPresent, or load the image on the node",
    )
    ACCOUNT_MISSING = (
        "there is no service account {account} in {namespace}",
        "the author of the pod",
        "kubectl -n {namespace} create serviceaccount {account}",
    )
    FORBIDDEN = (
        "the cluster makes no such pod: {detail}",
        "the admin of the cluster",
        "change the pod so that the policy is met, or have the policy changed{look}",
    )
    QUOTA_EXCEEDED = (
        "the quota {refuses} of {namespace} has no room for the pod: {detail}",
        "the author of the pod, or the admin of the cluster",
        "free some of it, or raise it: kubectl -n {namespace} describe resourcequota {refuses}",
    )
    WEBHOOK_FAILS = (
        "the webhook {refuses} fails, without which the cluster makes no pod: {detail}",
        "the admin of the cluster",
        _WEBHOOK,
    )
    DISK_PRESSURE = (
        "node {node} has no room on its disk{detail}",
        "the admin of the cluster",
        "free the disk of the node, then: kubectl describe node {node}",
    )
    NO_NODE = (
        "no node takes the pod: {detail}",
        "the admin of the cluster, or the author of the pod",
        "give nodes what is missing, or wish for less: kubectl -n {namespace} describe pod {pod}",
    )
    UNRESOLVED = (
        "the name of {server} does not resolve{seen}",
        "the author of the pod, or the admin of the nodes",
        "correct the host in the image's name, or the DNS of the nodes: nslookup {server}",
    )
    REFUSED = (
        "nothing listens at {server}{seen}",
        "the admin of the registry",
        "start the registry, or correct the port: curl -v https://{server}/v2/",
    )
    TIMED_OUT = (
        "{server} does not answer in time{seen}",
        "the admin of the network",
        "let nodes reach the registry (firewall, NetworkPolicy): curl -v https://{server}/v2/",
    )
    UNKNOWN_CA = (
        "the certificate of {server} is by a CA that is not trusted{seen}",
        "the admin of the nodes",
        "give the nodes the CA (entrepot kube connect --node-files DIR), or me theirs by --ca",
    )
    WRONG_NAME = (
        "the certificate of {server} is for other names{seen}",
        "the admin of the registry",
        "issue it for this name: entrepot tls init --name NAME",
    )
    EXPIRED_CERTIFICATE = (
        "the certificate of {server} has expired{seen}",
        "the admin of the registry",
        "renew it: entrepot tls renew",
    )
    PLAIN_HTTP = (
        "{server} speaks plain HTTP where TLS is wanted{seen}",
        "the admin of the registry",
        "give it a certificate (entrepot tls init), or configure nodes for http:// in hosts.toml",
    )
    NO_CREDENTIAL = (
        "{host} wants a login for {repository}, and the pod names no secret{detail}",
        "the author of the pod",
        _NAME,
    )
    POD_OLDER = (
        "{host} wants a login; {account} names secret {secret} for it by now, but the pod is older",
        "the author of the pod",
        "have the pod made anew: kubectl -n {namespace} delete pod {pod}",
    )
    SECRET_MISSING = (
        "there is no secret {secret} in {namespace}",
        "the author of the pod",
        _REMAKE,
    )
    SECRET_ELSEWHERE = (
        "secret {secret} is not in {namespace} but in {elsewhere}: a secret is of one namespace",
        "the author of the pod",
        _REMAKE,
    )
    SECRET_UNREADABLE = (
        "{host} wants a login, and you may not read secret {secret} of {namespace}",
        "you, or who may read it",
        "have someone look who may: kubectl auth can-i get secret/{secret} -n {namespace}",
    )
    SECRET_TYPE = (
        "secret {secret} is of the wrong type: {detail}, not kubernetes.io/dockerconfigjson",
        "the author of the pod",
        _RETYPE,
    )
    SECRET_MALFORMED = (
        "secret {secret} is malformed: {detail}",
        "the author of the pod",
        _RETYPE,
    )
    SECRET_OTHER_HOST = (
        "no secret of the pod is for {host}/{repository}: {detail}",
        "the author of the pod",
        _REMAKE,
    )
    CREDENTIAL_EXPIRED = (
        "the credential of {user} in secret {secret} has expired: {detail}",
        "the owner of the secret",
        _REMAKE,
    )
    CREDENTIAL_REFUSED = (
        "{host} does not take {user} of {source}{among}: {detail}",
        "the owner of the secret",
        _REMAKE,
    )
    NO_RIGHT = (
        "{user} of {source}{among} may not pull {repository}, or it is not there: {detail}",
        "the admin of the project",
        "entrepot can ACCOUNT pull {repository}; entrepot grant add ACCOUNT reader {repository}",
    )
    PROVIDER_REFUSED = (
        "the node's {provider} gets no password for {account} of {namespace}: {detail}",
        "the admin of the registry",
        _TRUST,
    )
    AUDIENCE_FORBIDDEN = (
        "the kubelet of {node} may not ask tokens for {audience}, which its {provider} wants",
        "the admin of the cluster",
        "entrepot kube credential-provider rbac --audience {audience} | kubectl apply -f -",
    )
    PROVIDER_UNSEEN = (
        "{host} wants a login, for which the node has {provider}, which cannot be tried: {detail}",
        "you, or who may try it",
        "ask who may make tokens of {account}, or look on the node: journalctl -u kubelet",
    )
    ACCOUNT_FORBIDDEN = (
        "{account} of {namespace} may not pull {repository}, or it is not there: {detail}",
        "the admin of the registry",
        "entrepot kube connect --allow '{namespace}/{account}=reader:{repository}'{can}",
    )
    BLOCKED = (
        "the node pulls nothing from {host}: {detail}",
        "the admin of the nodes",
        "unblock it in the nodes' registries.conf, or name an image of another registry",
    )
    NODE_MISCONFIGURED = (
        "the files of the node cannot be read as what they should be: {detail}",
        "the admin of the nodes",
        "correct that file",
    )
    REPOSITORY_MISSING = (
        "there is no repository {repository} at {host}{near}",
        "the author of the pod",
        "correct the name, or push it first",
    )
    TAG_MISSING = (
        "{repository} has no tag {reference}{near}",
        "the author of the pod",
        "correct the tag, or push it first: entrepot tag list {repository}",
    )
    DIGEST_MISSING = (
        "{repository} has no manifest {reference}{near}",
        "the author of the pod",
        "pin a digest that is there, or restore it: entrepot trash list",
    )
    NO_PLATFORM = (
        "{image} is not for {platform} but for {detail}",
        "who builds the image",
        "build and push it for {platform} too, or choose nodes by kubernetes.io/arch",
    )
    LAYER_MISSING = (
        "a part of {image} is not in the registry: {detail}",
        "the admin of the registry",
        "push the image again; then: entrepot check",
    )
    LAYER_CORRUPT = (
        "a part of {image} is not what it should be: {detail}",
        "the admin of the registry",
        "push the image again, from where it was built; then: entrepot check",
    )
    SIGNATURE_REFUSED = (
        "the node takes no such image by its own policy{seen}: {detail}",
        "the admin of the nodes, or who signs the image",
        "sign the image, or correct the nodes' policy.json or image verifier",
    )
    PULLS_LIMITED = (
        "the kubelet of {node} begins no more pulls at this moment{detail}",
        "the admin of the nodes",
        "wait for its next try; raise registryPullQPS and registryBurst of the kubelet",
    )
    UNSIGNED = (
        "{host} serves only what is signed, and this is not: {detail}",
        "whoever pushes the image, or the admin of its project",
        "have it signed, or named who did: entrepot verify {image}; entrepot signer demands",
    )
    OVER_QUOTA = (
        "{host} denies it for a quota: {detail}",
        "the admin of the project at the registry",
        "have the quota raised, or free some of it: entrepot quota show",
    )
    TOO_MANY = (
        "{host} has had too many requests: {detail}",
        "who asks so often, or the admin of the registry",
        "wait as long as it says; pull as a user of your own, or less often",
    )
    REGISTRY_FAILS = (
        "{host} fails: {detail}",
        "the admin of the registry",
        "look at its log: curl -v https://{server}/readyz",
    )
    UNKNOWN = (
        "{image} is not pulled, and from here nothing is wrong; the kubelet says: {detail}",
        "unknown",
        "wait for the next try, then: kubectl -n {namespace} describe pod {pod}",
    )

    @property
    def wrong(self) -> str:
        """What is wrong, with facts to fill in."""
        return self.value[0]

    @property
    def whose(self) -> str:
        """Who has to mend it."""
        return self.value[1]

    @property
    def mend(self) -> str:
        """How, with facts to fill in."""
        return self.value[2]
