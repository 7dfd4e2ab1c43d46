# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end test's console needs, in a folder: frames of the simulator with their truth,
small plans for them, rules, tokens, the configuration."""
import json
import os
import socket
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPERT = 'expert-0123456789abcdef'
OPERATOR = 'operator-0123456789abcdef'
N_FRAMES = 40
PLANS = {'instruments': ('detector_small', 2, 0), 'tissue': ('unet_small', 4, 1),
         'depth': ('depth_small', 8, 2), 'landmarks': ('landmarks_small', 8, 2),
         'outside': ('outside_small', 15, 3)}

CONFIG = '''console: {{name: "Test theatre", language: en}}
source: {{kind: frames, location: frames, width: 640, height: 360, fps: 30, format: nv12,
         focal_length: {focal_length}, mark: true, loop: true}}
budget_ms: 33
networks:
{networks}
workers:
  cpu: {{threads: 1, lanes: 1}}
findings: {{max_age_ms: 500, fade_ms: 200}}
tracker: {{keep_ms: 1000, smoothing_ms: 0}}
rules: rules.yaml
privacy: {{network: outside, name: out-of-body, above: 0.5}}
display: [{{kind: none}}]
server: {{listen: "127.0.0.1:{port}", tokens: tokens, viewers: 4}}
'''
# Worst cases are given and deadlines are long, so that a busy machine is admitted: what is tested
# is that things belong together, not how fast they come.
NETWORK = ('  - {{name: {name}, plan: {plan}.plan, device: cpu, every: {every},'
           ' priority: {priority}, worst_ms: 9, deadline_ms: 150}}')
# One sentence whose number changes with each frame, told twice a second.
RULES = '''evidence: {min_score: 0.3, max_age: 1000 ms}
refresh: 500 ms
places:
  grasper: {box: instruments.grasper}
  middle: {point: [0.5, 0.5]}
facts:
  grasper-seen: {seen: grasper}
  grasper-angle: {angle: [middle, grasper]}
rules:
  - name: grasper-in-view
    priority: 1
    when: {fact: grasper-seen, is: true}
    say:
      en: "The grasper lies at {grasper-angle} degrees."
      zh: "抓钳位于 {grasper-angle} 度"
    draw:
      - {circle: grasper, radius: 16 px, colour: yellow}
'''


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, 'w', encoding='utf-8', opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(text)
    return path


def run(log, *command):
    log.write(f'$ {" ".join(command)}\n')
    log.flush()
    subprocess.run(command, check=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def make_plan(trocar, folder, model, log):
    path = os.path.join(ROOT, 'models', 'endoscopy_' + model)
    run(log, trocar, 'build', path + '.onnx', '--record', path + '.json', '--frames',
        'nv12:640x360', '--threads', '1', '-o', os.path.join(folder, model + '.plan'))


def prepare(folder, trocar):
    """Path of the configuration."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'prepare.log'), 'w', encoding='utf-8') as log:
        run(log, trocar, 'sim', 'endoscopy', '-o', os.path.join(folder, 'frames'), '--frames',
            str(N_FRAMES), '--first', '4000', '--size', '640x360', '--seed', '4000003',
            '--fps', '30', '--truth')
        for model, _, _ in PLANS.values():
            make_plan(trocar, folder, model, log)
    with open(os.path.join(folder, 'frames', 'frames.jsonl'), encoding='utf-8') as f:
        focal_length = json.loads(f.readline())['focal_length']
    write(folder, 'rules.yaml', RULES)
    write(folder, 'tokens', f'expert {EXPERT} Dr. Remote\noperator {OPERATOR} Theatre\n')
    networks = '\n'.join(NETWORK.format(name=name, plan=plan, every=every, priority=priority)
                         for name, (plan, every, priority) in PLANS.items())
    return write(folder, 'trocard.yaml', CONFIG.format(
        networks=networks, port=free_port(), focal_length=focal_length))
