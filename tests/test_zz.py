import asyncio
import collections
import cProfile
import pstats
import time

import requests

from tests.test_schemathesis import *


async def test_x(served, cases):
    print(len(cases))
    token = served.world.case.house.token("integration")
    c = collections.Counter()
    def go():
        with requests.Session() as s:
            s.trust_env=False
            orig = requests.Session.send
            def send(self,*a,**k):
                t=time.perf_counter(); r = orig(self,*a,**k); c["t"]+=time.perf_counter()-t; c[r.status_code]+=1; return r
            s.send = send.__get__(s)
            p=cProfile.Profile(); p.enable()
            t=time.perf_counter()
            for case in cases: tell(case, served, token, s)
            print("wall", time.perf_counter()-t)
            p.disable(); pstats.Stats(p).sort_stats("cumtime").print_stats(40)
    await asyncio.to_thread(go)
    print(c)
