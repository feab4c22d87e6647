"""A real Kubernetes for the chart: API server, controllers, scheduler, kubelet and containerd, in namespaces of their own.

Nothing of it is pulled: Kubernetes and CoreDNS are built from their Go modules, once per machine; etcd, containerd and the
network plugins are Debian's; kubectl and Helm come with Python packages; the image is built by `tests/image`. One node,
one network, and all of it ends with the process that started it.
"""
