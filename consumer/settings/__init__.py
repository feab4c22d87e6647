"""Every setting, from environment variables or a settings file: typed, checked together, documented.

`service` reads the settings; parts of the program receive plain values.
"""

from consumer.choices import (
    AudienceLookup,
    DeliveryAck,
    DirectCallSink,
    EmailHash,
    EventFormat,
    FirstStart,
    LogFormat,
    LogLevel,
    OnArchived,
    OnDeleted,
    SegmentCall,
    TraceExport,
)
from consumer.settings.direct_calls import DirectCallSettings
from consumer.settings.feed import Feed
from consumer.settings.kafka import KafkaSettings
from consumer.settings.liveintent import LiveIntentSettings
from consumer.settings.loading import load_membership_settings, load_part, load_settings
from consumer.settings.membership import MembershipSettings
from consumer.settings.model import Settings
from consumer.settings.names import FILE_NAMES, KNOWN_NAMES, SECRET_NAMES, SETTING_NAMES
from consumer.settings.part import Part
from consumer.settings.privacy import PrivacySettings
from consumer.settings.process import DeliverySettings, ProcessSettings
from consumer.settings.replay import ReplaySettings
from consumer.settings.secret import Secret
from consumer.settings.segment import EventSettings
from consumer.settings.table import settings_table

__all__ = [
    "FILE_NAMES",
    "KNOWN_NAMES",
    "SECRET_NAMES",
    "SETTING_NAMES",
    "AudienceLookup",
    "DeliveryAck",
    "DeliverySettings",
    "DirectCallSettings",
    "DirectCallSink",
    "EmailHash",
    "EventFormat",
    "EventSettings",
    "Feed",
    "FirstStart",
    "KafkaSettings",
    "LiveIntentSettings",
    "LogFormat",
    "LogLevel",
    "MembershipSettings",
    "OnArchived",
    "OnDeleted",
    "Part",
    "PrivacySettings",
    "ProcessSettings",
    "ReplaySettings",
    "Secret",
    "SegmentCall",
    "Settings",
    "TraceExport",
    "load_membership_settings",
    "load_part",
    "load_settings",
    "settings_table",
]
