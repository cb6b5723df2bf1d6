"""The stack and nothing of ours: what any service on FastAPI, SQLModel and asyncpg pays before its first answer."""

import sys

import asyncpg  # noqa: F401 - it is here to be paid for
import jwt  # noqa: F401
import sqlmodel  # noqa: F401
import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """The least there is."""
    return {"status": "ready"}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
