"""Uploads that are refused, as the two HTTP stacks of Azure's Python clients send them: what comes back of each."""

import json
import os

import requests
from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest
from harness import result


def with_requests(method, url, headers, body):
    try:
        # one connection for each, as a new process would have
        answer = requests.request(method, url, data=body, headers=headers, timeout=60)
        return f"{answer.status_code} {answer.json()['error']['code']}"
    except requests.RequestException as fault:
        return type(fault).__name__


def with_azure_core(method, url, headers, body):
    with PipelineClient(base_url=url, retry_total=0) as client:
        try:
            answer = client.send_request(HttpRequest(method, url, headers=headers, content=body))
            return f"{answer.status_code} {answer.json()['error']['code']}"
        except AzureError as fault:
            return type(fault).__name__


got = {}
for name, case in json.loads(os.environ["LAB_CASES"]).items():
    headers = {"Authorization": f"Bearer {case['token']}", "Content-Type": case["type"]}
    for size in case["sizes"]:
        body = b" " * size
        for stack in (with_requests, with_azure_core):
            tries = [stack(case["method"], case["url"], headers, body) for _ in range(case["tries"])]
            got[f"{name}, {size} bytes, {stack.__name__}"] = sorted(set(tries))
result(got=got)
