"""Why a pod does not pull: what kubelet and runtime do is done again, and the cause is named."""
