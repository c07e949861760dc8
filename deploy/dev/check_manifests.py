"""Checks what no schema can: that the manifests fit together and keep what Etappe rests on.

usage: check_manifests.py ALL.yaml, as `kubectl kustomize` prints it.
"""

import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    objects = [each for each in yaml.safe_load_all(file) if each]
problems = []
names = {(each["kind"], each["metadata"]["name"]) for each in objects}


def check(condition, problem):
    if not condition:
        problems.append(problem)


def by_kind(kind):
    return [each for each in objects if each["kind"] == kind]


def check_pod(name, template):
    spec = template["spec"]
    context = spec["securityContext"]
    check(context["runAsNonRoot"] and context["runAsUser"] > 0, f"{name} may run as root")
    check(spec["automountServiceAccountToken"] is False, f"{name} holds a token of the cluster")
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    for container in spec["containers"]:
        own = container["securityContext"]
        check(own["readOnlyRootFilesystem"], f"{name} may write everywhere")
        check(not own["allowPrivilegeEscalation"], f"{name} may get more rights")
        check(own["capabilities"] == {"drop": ["ALL"]}, f"{name} has capabilities")
        check("memory" in container["resources"]["limits"], f"{name} has no memory limit")
        for source in container.get("envFrom", []):
            secret = source["secretRef"]["name"]
            check(("Secret", secret) in names, f"{name} wants a secret {secret} that is not there")
        for mount in container.get("volumeMounts", []):
            claims = claims_of(name)
            check(mount["name"] in volumes | claims, f"{name} mounts {mount['name']}")
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            config = volume["configMap"]["name"]
            check(("ConfigMap", config) in names, f"{name} wants a config map {config}")


def claims_of(name):
    sets = [each for each in by_kind("StatefulSet") if each["metadata"]["name"] == name]
    return {
        claim["metadata"]["name"]
        for each in sets
        for claim in each["spec"].get("volumeClaimTemplates", [])
    }


def check_workload(each):
    name = each["metadata"]["name"]
    template = each["spec"]["template"]
    labels = template["metadata"]["labels"]
    check_pod(name, template)
    selected = each["spec"]["selector"]["matchLabels"]
    check(selected.items() <= labels.items(), f"{name} does not select its own pods")
    check(
        template["spec"]["terminationGracePeriodSeconds"] >= 45,
        f"{name} is killed before it has drained",
    )
    container = template["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    check(ports.get("admin") == 7071, f"{name} has no admin port")
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        check(container[probe]["httpGet"] == {"path": path, "port": "admin"}, f"{probe} of {name}")
    budgets = [
        budget
        for budget in by_kind("PodDisruptionBudget")
        if budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    ]
    check(len(budgets) == 1, f"{name} has {len(budgets)} disruption budgets")
    for service in by_kind("Service"):
        if service["spec"]["selector"].items() <= labels.items():
            for port in service["spec"]["ports"]:
                check(port["targetPort"] in ports, f"service {service['metadata']['name']}")


workloads = by_kind("StatefulSet") + by_kind("Deployment")
for workload in workloads:
    check_workload(workload)
for job in by_kind("Job"):
    check_pod(job["metadata"]["name"], job["spec"]["template"])
found = sorted(each["metadata"]["name"] for each in workloads)
check(found == ["classifier", "collector", "insights"], f"workloads are {found}")
collector = by_kind("StatefulSet")[0]
check(claims_of("collector") == {"data"}, "the collector's spool has no volume of its own")
retention = collector["spec"]["persistentVolumeClaimRetentionPolicy"]
check(set(retention.values()) == {"Retain"}, "a spool goes with its collector")
for service in by_kind("Service"):
    wanted = service["spec"]["selector"]
    fits = [
        each
        for each in workloads
        if wanted.items() <= each["spec"]["template"]["metadata"]["labels"].items()
    ]
    check(fits, f"service {service['metadata']['name']} selects nothing")

for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)
