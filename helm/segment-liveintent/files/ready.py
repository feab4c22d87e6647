# What `helm test` runs in the image: 0 when the service answers that it is ready, within READY_SECONDS.
import os
import sys
import time
import urllib.error
import urllib.request

deadline, said = time.monotonic() + float(os.environ["READY_SECONDS"]), ""
while time.monotonic() < deadline:
    try:
        with urllib.request.urlopen(os.environ["READY_URL"], timeout=5) as answer:
            print("Ready:", answer.read().decode())
            sys.exit(0)
    except urllib.error.HTTPError as error:
        said = f"{error.code} {error.read().decode()}"
    except OSError as error:
        said = str(error)
    time.sleep(1)
print("Not ready:", said)
sys.exit(1)
