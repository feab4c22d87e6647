"""The walks through LiveIntent's APIs, recorded on the wire: what our clients send, and what the stand-in answers.

Another API is another `Walked`. The collector and the Conversions API are not among them: of neither is there a document
to hold them against.
"""

from tests.contract.liveintent_audiences_walk import AUDIENCES_WALK
from tests.contract.liveintent_privacy_walk import PRIVACY_WALK

WALKS = (AUDIENCES_WALK, PRIVACY_WALK)
