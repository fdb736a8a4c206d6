#!/usr/bin/env python3
"""A foreign client against the simulator: proxmoxer (from PyPI) logs in, makes a VM, follows tasks, cleans up.

    python3 -m venv v && v/bin/pip install proxmoxer requests && v/bin/python tests/clients/proxmoxer_check.py [proxmux]
"""
import json
import os
import subprocess
import sys
import time
import warnings

from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

warnings.filterwarnings('ignore')
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def follow(api, upid):
    node = upid.split(':')[1]
    for _ in range(200):
        status = api.nodes(node).tasks(upid).status.get()
        if status['status'] == 'stopped':
            return status['exitstatus']
        time.sleep(0.1)
    raise SystemExit(f'task does not end: {upid}')


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'target', 'debug', 'proxmux')
    server = subprocess.Popen([binary, 'simulate', '--listen', '127.0.0.1:0', '--json', '--speed', '50'],
                              stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(server.stdout.readline())
        host, port = ready['url'].split('//')[1].rsplit(':', 1)
        user, token = ready['token'].split('!')
        by_token = ProxmoxAPI(host, port=int(port), user=user, token_name=token, token_value=ready['secret'], verify_ssl=False)
        assert by_token.version.get()['release'] == '9.2'
        api = ProxmoxAPI(host, port=int(port), user=ready['user'], password=ready['password'], verify_ssl=False)
        assert len(api.nodes.get()) == 3
        assert len(api.cluster.resources.get(type='vm')) == ready['guests']
        vmid = api.cluster.nextid.get()
        node = api.nodes('pve1')
        made = node.qemu.create(vmid=vmid, name='from-proxmoxer', memory=512, scsi0='ceph:4', net0='virtio,bridge=vmbr0')
        assert follow(api, made) == 'OK'
        vm = node.qemu(vmid)
        assert follow(api, vm.status.start.post()) == 'OK'
        assert vm.status.current.get()['status'] == 'running'
        assert follow(api, vm.snapshot.post(snapname='before')) == 'OK'
        assert {s['name'] for s in vm.snapshot.get()} == {'before', 'current'}
        try:
            vm.delete()
            raise SystemExit('a running VM was destroyed')
        except ResourceException as e:
            assert e.status_code == 500 and 'is running' in str(e), e
        assert follow(api, vm.status.stop.post()) == 'OK'
        assert follow(api, vm.delete(purge=1)) == 'OK'
        assert vmid not in [str(g['vmid']) for g in node.qemu.get()]
        try:
            node.qemu.create(vmid=5)
            raise SystemExit('a bad VMID was accepted')
        except ResourceException as e:
            assert e.status_code == 400, e
        print('proxmoxer: everything as on a real server')
    finally:
        server.terminate()
        server.wait()


if __name__ == '__main__':
    main()
