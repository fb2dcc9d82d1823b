"""Instructions of single statements: a server under callgrind, which counts only while a statement runs.

The machine's own counters are used by nobody here: virtual machines often have none.
"""
import http.client
import json
import os
import re
import subprocess


class CountedServer:
    """A server that was started behind `command`; statements are sent one by one."""

    @staticmethod
    def command(directory, binary):
        """The program to start instead of `binary`, behind valgrind: without lines for debuggers, which valgrind does not read."""
        os.makedirs(os.path.join(directory, "bin"), exist_ok=True)
        plain = os.path.join(directory, "bin", os.path.basename(binary))
        subprocess.run(["objcopy", "--strip-debug", binary, plain], check=True)
        libraries = os.path.join(directory, "lib")
        if not os.path.exists(libraries):
            os.symlink(os.path.join(os.path.dirname(os.path.dirname(binary)), "lib"), libraries)
        out = os.path.join(directory, "callgrind.out")
        return ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", plain]

    def __init__(self, directory, pid, port, password):
        self.out = os.path.join(directory, "callgrind.out")
        self.pid = pid
        self.dumps = 0
        self.token = None
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.token = self._post("/v1/api/auth/login", {"user": "root", "password": password})["access_token"]

    def _post(self, path, body):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.connection.request("POST", path, json.dumps(body), headers)
        return json.loads(self.connection.getresponse().read())

    def _control(self, *arguments):
        subprocess.run(["callgrind_control", *arguments, str(self.pid)], check=True, capture_output=True)

    def sql(self, text):
        reply = self._post("/v1/api/sql", {"sql": text})
        if reply["status"] != "success":
            raise RuntimeError(reply["error"]["message"])
        return reply["results"][-1].get("rows")

    def count(self, text):
        """Instructions of the server while one statement runs; whatever else it does meanwhile only adds, so ask several times."""
        answer = self.sql(text)  # files open, plans made
        self._control("-i", "on")
        self._control("-z")
        again = self.sql(text)
        self._control("-d")
        self._control("-i", "off")
        if again != answer:
            raise RuntimeError(f"another answer than before: {text}")
        self.dumps += 1
        path = f"{self.out}.{self.dumps}"
        with open(path, encoding="utf-8") as dump:
            total = re.search(r"^(?:totals|summary): (\d+)", dump.read(), re.M)
        os.remove(path)
        return int(total.group(1))
