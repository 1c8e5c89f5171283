"""LangChain's client of OpenAI's protocol: an answer, a stream, a refusal."""

import os
from importlib.metadata import version

from langchain_openai import ChatOpenAI
from openai import PermissionDeniedError
from result import result


def model(token):
    return ChatOpenAI(model="phi", base_url=os.environ["LAB_BASE_URL"], api_key=token)


own = model(os.environ["LAB_TOKEN"])
try:
    model(os.environ["LAB_OTHER_TOKEN"]).invoke("four five")
    refused = None
except PermissionDeniedError as error:
    refused = {"status": error.status_code, "code": error.body["code"]}

result(
    version=version("langchain-openai"),
    answer=own.invoke("four five").content,
    words=[chunk.content for chunk in own.stream("four five") if chunk.content],
    refused=refused,
)
