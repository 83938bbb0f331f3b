# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""One module of pyverbs' unit tests on a device: pyv.py DEVICE ADDRESS MODULE [TEST...]

Prints a line a test: "ok NAME", "not ok NAME", "skip NAME reason". The tests come from the folder
in PYVTESTS. Their RC resources connect queue pairs by number, which iWARP cannot: on its devices
the same queue pairs are connected by rdma_cm, so that what the tests then do with them is tested.
"""
import importlib
import os
import sys
import time
import types
import unittest

folder = os.environ["PYVTESTS"]
device, address, module = sys.argv[1:4]
chosen = sys.argv[4:]
sys.argv = ["pyv", "--dev", device]
sys.path[:0] = [folder, folder + "/tests"]
# The package's own __init__ imports every test.
package = types.ModuleType("tests")
package.__path__ = [folder + "/tests"]
sys.modules["tests"] = package

from args_parser import parser  # noqa: E402

parser.parse_args()
import pyverbs.cm_enums as ce  # noqa: E402
from pyverbs.cmid import CMID, AddrInfo, CMEvent, CMEventChannel, ConnParam  # noqa: E402
import tests.base as base  # noqa: E402
import tests.utils as utils  # noqa: E402


class Side:
    """One end: an id with a channel of its own, a queue pair made elsewhere."""

    def __init__(self):
        self.channel = CMEventChannel()
        self.id = CMID(creator=self.channel)

    def expect(self, kind):
        event = CMEvent(self.channel)
        if event.event_type != kind:
            raise RuntimeError("event %s (not %s)" % (event.event_str(), kind))
        return event


def connect(passive_qp, active_qp, port):
    """Connects two queue pairs of this process; returns what keeps the connection up."""
    listener, active = Side(), Side()
    listener.id.bind_addr(AddrInfo(src=address, src_service=str(port), flags=ce.RAI_PASSIVE))
    listener.id.listen(1)
    active.id.resolve_addr(AddrInfo(dst=address, dst_service=str(port)))
    active.expect(ce.RDMA_CM_EVENT_ADDR_RESOLVED).ack_cm_event()
    active.id.resolve_route()
    active.expect(ce.RDMA_CM_EVENT_ROUTE_RESOLVED).ack_cm_event()
    active.id.connect(ConnParam(resources=8, depth=8, qp_num=active_qp))
    request = listener.expect(ce.RDMA_CM_EVENT_CONNECT_REQUEST)
    child = CMID(creator=request, listen_id=listener.id)
    child.accept(ConnParam(resources=8, depth=8, qp_num=passive_qp))
    request.ack_cm_event()
    active.expect(ce.RDMA_CM_EVENT_ESTABLISHED).ack_cm_event()
    listener.expect(ce.RDMA_CM_EVENT_ESTABLISHED).ack_cm_event()
    return listener, active, child


kept = []  # connections live until the process ends, as the queue pairs of the tests do
waiting = {}  # queue pairs of the side that came first


def to_rts(side):
    """In place of RCResources.to_rts(): the second side to come connects both."""
    for own, peer in zip(side.qps_num, side.rqps_num):
        if own in waiting:
            waiting.pop(own)
            port = int(os.environ.get("PYVPORT", "24100")) + len(kept) % 500
            kept.append(connect(peer, own, port))
        else:
            waiting[peer] = own


def patient_traffic(traffic, read):
    """The completion of a Write does not say that the peer has the data (RFC 5040, 5.4): wait."""

    def rdma_traffic(client, server, *args, **kwargs):
        client.awaits, server.awaits = "s", "c"
        return traffic(client, server, *args, **kwargs)

    def mem_read(self, *args, **kwargs):
        end = time.monotonic() + 2
        while True:
            data = read(self, *args, **kwargs)
            awaited = getattr(self, "awaits", None)
            if not awaited or data.decode() == awaited * len(data) or time.monotonic() > end:
                return data
            time.sleep(0.001)

    return rdma_traffic, mem_read


class Lines(unittest.TestResult):
    def addSuccess(self, test):
        print("ok", test._testMethodName)

    def addSkip(self, test, reason):
        print("skip", test._testMethodName, reason)

    def problem(self, test, err):
        for line in self._exc_info_to_string(err, test).splitlines():
            print("#", line)
        print("not ok", test._testMethodName, str(err[1]).replace("\n", " ")[:100])

    def addError(self, test, err):
        super().addError(test, err)
        self.problem(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.problem(test, err)


def main():
    if "siw" in device:
        base.RCResources.to_rts = to_rts
        utils.rdma_traffic, base.BaseResources.mem_read = patient_traffic(
            utils.rdma_traffic, base.BaseResources.mem_read
        )
        # An iWARP GID (a MAC and zeros) is no zero.
        base.RDMATestCase.ZERO_GID = "none"
    # Nothing in sysfs tells the tests an address.
    base.RDMATestCase._get_ip_mac = lambda self, dev, port, gid: self.args.append(
        [dev, port, gid, address, "02:00:00:00:00:01"]
    )
    tests = importlib.import_module("tests." + module)
    loader = unittest.defaultTestLoader
    if chosen:
        suite = loader.loadTestsFromNames(["tests.%s.%s" % (module, name) for name in chosen])
    else:
        suite = loader.loadTestsFromModule(tests)
    result = Lines()
    suite.run(result)
    sys.stdout.flush()
    os._exit(0 if result.wasSuccessful() else 1)  # no teardown in the order of the collector


main()
