"""Waiting for what nobody tells of, and saying what was measured."""
import asyncio
import inspect
import json


async def until(condition, what, seconds=15):
    """Asks again and again until the condition, which may be a coroutine function, holds; its value."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                value = condition()
                if inspect.isawaitable(value):
                    value = await value
                if value:
                    return value
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {seconds} s") from None


def report(measurement, value, unit, limit, how, at_least=False, **more):
    """As Tests/Bench/measuring.py; a value beyond its limit fails."""
    ok = limit is None or (value >= limit if at_least else value <= limit)
    print("\n" + json.dumps({"measurement": measurement, "value": round(value, 3), "unit": unit, "limit": limit, "ok": ok, **more, "how": how}), flush=True)
    assert ok
