"""OpenAI's SDK at an endpoint whose model speaks OpenAI's protocol: an answer, a stream, a deployment, a refusal."""

import os

import openai
from openai import OpenAI, PermissionDeniedError
from result import result

BASE_URL = os.environ["LAB_BASE_URL"]
ASKED = [{"role": "user", "content": "one two three"}]

# a function in the place of a key is called before each request, so that a token that ends is renewed
client = OpenAI(base_url=BASE_URL, api_key=lambda: os.environ["LAB_TOKEN"])
answer = client.chat.completions.create(model="phi", messages=ASKED)
stream = client.chat.completions.create(
    model="phi", messages=ASKED, stream=True, stream_options={"include_usage": True}
)
words, tokens = [], None
for chunk in stream:
    words += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    tokens = chunk.usage.total_tokens if chunk.usage else tokens
routed = client.chat.completions.with_raw_response.create(
    model="phi", messages=ASKED, extra_headers={"azureml-model-deployment": "green"}
)
try:
    OpenAI(base_url=BASE_URL, api_key=os.environ["LAB_OTHER_TOKEN"]).chat.completions.create(
        model="phi", messages=ASKED
    )
    refused = None
except PermissionDeniedError as error:
    refused = {"status": error.status_code, "code": error.body["code"]}

result(
    version=openai.__version__,
    answer=answer.choices[0].message.content,
    words=words,
    tokens=tokens,
    deployment=routed.headers["azureml-model-deployment"],
    refused=refused,
)
