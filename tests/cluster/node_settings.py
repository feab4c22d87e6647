"""What the parts of the node are told."""

import json
from pathlib import Path
from typing import Any

ADDRESS = "10.88.0.1"
POD_NETWORK = "10.88.0.0/24"
CONTAINERD = "/run/containerd.sock"
PAUSE = "localhost/pause:1"
# Of a cluster that nobody else can reach.
TOKEN = "made-up"
KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
    "cgroupDriver": "cgroupfs",
    "clusterDNS": [ADDRESS],
    "clusterDomain": "cluster.local",
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    "localStorageCapacityIsolation": False,  # Its device is not to be seen from in here.
    "makeIPTablesUtilChains": False,
    "syncFrequency": "5s",
}


def api_server_arguments(folder: Path) -> tuple[str, ...]:
    return (
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={ADDRESS}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--cert-dir={folder / 'certificates'}",
        f"--service-account-key-file={folder / 'sa.key'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
    )


def kubeconfig() -> dict[str, Any]:
    server = {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": server}],
        "users": [{"name": "admin", "user": {"token": TOKEN}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
        "current-context": "here",
    }


def containerd_settings(folder: Path) -> str:
    """Write containerd's settings, and those of the pods' network; return the path of the first."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_NETWORK}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    networks = folder / "networks"
    networks.mkdir()
    network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}
    (networks / "pods.conflist").write_text(json.dumps(network))
    path = folder / "containerd.toml"
    path.write_text(
        f"""version = 2
root = "{folder / "containerd"}"
state = "/run/containerd"
[grpc]
address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{networks}"
"""
    )
    return str(path)


def coredns_settings(folder: Path, kubeconfig_file: Path) -> str:
    path = folder / "Corefile"
    path.write_text(
        f".:53 {{\n errors\n kubernetes cluster.local {{\n  kubeconfig {kubeconfig_file}\n  ttl 1\n }}\n}}\n"
    )
    return str(path)
