"""A Docker daemon of a test's own, which leaves nothing of itself behind in the machine's network.

dockerd makes the bridge docker0, chains and rules in the firewall, lets the kernel forward packets and may set the
policy of FORWARD, and leaves all of that when it ends. Here it is taken back at the end: only what was not there
before, and of the rules only those that name a chain or a bridge of Docker's, so that what others did meanwhile stays."""
import os
import re
import socket
import subprocess

from support.waiting import wait_until

FORWARDING = "/proc/sys/net/ipv4/ip_forward"
BRIDGE = r"(docker0|br-[0-9a-f]{12})"
OF_DOCKER = re.compile(rf"( DOCKER|[ !]{BRIDGE}\b)")


def firewall(text):
    """{table: (policies of chains, rules)} of what iptables-save prints."""
    tables, policies, rules = {}, {}, []
    for line in text.splitlines():
        if line.startswith("*"):
            policies, rules = {}, []
            tables[line[1:]] = policies, rules
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            policies[chain] = policy
        elif line.startswith("-A "):
            rules.append(line)
    return tables


def undoing(before, after):
    """What iptables-restore --noflush needs to take back what Docker added between the two."""
    out = []
    for table, (policies, rules) in after.items():
        old_policies, old_rules = before.get(table, ({}, []))
        left, steps = list(old_rules), []
        new_chains = [chain for chain in policies if chain not in old_policies and chain.startswith("DOCKER")]
        for rule in rules:
            if rule in left:
                left.remove(rule)
            elif OF_DOCKER.search(rule) and rule.split()[1] not in new_chains:
                steps.append("-D" + rule[2:])
        steps += [f"-F {chain}" for chain in new_chains] + [f"-X {chain}" for chain in new_chains]
        for chain, policy in policies.items():
            if chain == "FORWARD" and old_policies.get(chain, "ACCEPT") != policy:
                steps.insert(0, f":{chain} {old_policies.get(chain, 'ACCEPT')}")
        if steps:
            out += [f"*{table}", *steps, "COMMIT"]
    return "".join(line + "\n" for line in out)


class Network:
    """What of the machine's network a dockerd changes, as it is now."""

    def __init__(self):
        self.firewalls = {}
        for program in ("iptables", "ip6tables"):
            saved = subprocess.run([program + "-save"], capture_output=True, text=True)
            if saved.returncode == 0:
                self.firewalls[program] = firewall(saved.stdout)
        self.bridges = {name for _, name in socket.if_nameindex() if re.fullmatch(BRIDGE, name)}
        with open(FORWARDING) as forwarding:
            self.forwarding = forwarding.read()

    def restore(self):
        """Takes back what a dockerd has changed since."""
        now = Network()
        for program, after in now.firewalls.items():
            steps = undoing(self.firewalls.get(program, {}), after)
            if steps:
                subprocess.run([program + "-restore", "--noflush"], input=steps, text=True, check=True)
        for bridge in now.bridges - self.bridges:
            subprocess.run(["ip", "link", "delete", bridge], check=True)
        if now.forwarding != self.forwarding:
            with open(FORWARDING, "w") as forwarding:
                forwarding.write(self.forwarding)

    def left_by_docker(self):
        """What of Docker's is there now and was not then, for a person to read."""
        now = Network()
        left = [f"{program}: {line}" for program, after in now.firewalls.items()
                for line in undoing(self.firewalls.get(program, {}), after).splitlines()]
        left += [f"bridge {bridge}" for bridge in now.bridges - self.bridges]
        return left + ([FORWARDING] if now.forwarding != self.forwarding else [])


def answers():
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


class DockerDaemon:
    """A dockerd that keeps everything under `data`; $DOCKER_HOST names it as long as it runs."""

    def __init__(self, data):
        self.network, self.host = Network(), os.environ.get("DOCKER_HOST")
        run = os.path.join(data, "run")
        os.makedirs(run, exist_ok=True)
        os.environ["DOCKER_HOST"] = "unix://" + os.path.join(run, "docker.sock")
        with open(os.path.join(data, "dockerd.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--data-root", os.path.join(data, "root"), "--exec-root", run, "--pidfile", os.path.join(run, "pid"),
                 "-H", os.environ["DOCKER_HOST"]], stdout=log, stderr=log)
        try:
            wait_until(answers, f"dockerd answers; see {data}/dockerd.log", 60, every=0.3)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """Ends it, and what it did to the network; returns what is left of that nevertheless, line by line."""
        self.process.terminate()
        self.process.wait()
        if self.host is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = self.host
        self.network.restore()
        return self.network.left_by_docker()
