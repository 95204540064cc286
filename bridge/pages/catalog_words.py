"""The names of the catalogue the product ships, in the visitor's language.

A name that the shop wrote itself is shown as it stands.
"""

from __future__ import annotations

from flask import Flask
from flask_babel import LazyString
from flask_babel import lazy_gettext as _

REPAIRS: dict[str, LazyString] = {
    "Screen": _("Screen"),
    "Battery": _("Battery"),
    "Charging port": _("Charging port"),
    "Camera": _("Camera"),
    "Back glass": _("Back glass"),
    "Speaker or earpiece": _("Speaker or earpiece"),
    "Main board": _("Main board"),
    "Liquid damage": _("Liquid damage"),
    "Data recovery": _("Data recovery"),
    "Software and Android restore": _("Software and Android restore"),
    "Keyboard": _("Keyboard"),
    "Logic board": _("Logic board"),
    "Charging and USB-C ports": _("Charging and USB-C ports"),
    "Trackpad": _("Trackpad"),
    "Speakers": _("Speakers"),
    "Fan and cooling": _("Fan and cooling"),
    "Storage upgrade or replacement": _("Storage upgrade or replacement"),
    "Software and macOS set-up": _("Software and macOS set-up"),
    "Display": _("Display"),
    "Power supply": _("Power supply"),
    "Ports": _("Ports"),
    "Memory": _("Memory"),
    "Display output": _("Display output"),
    "USB, network and sound ports": _("USB, network and sound ports"),
    "USB, HDMI and sound ports": _("USB, HDMI and sound ports"),
    "Hinge and case": _("Hinge and case"),
    "Motherboard": _("Motherboard"),
    "Virus and malware removal": _("Virus and malware removal"),
    "Software and Windows set-up": _("Software and Windows set-up"),
    "Graphics card and display output": _("Graphics card and display output"),
    "USB and front ports": _("USB and front ports"),
    "Fans and cooling": _("Fans and cooling"),
    "HDMI port (no picture)": _("HDMI port (no picture)"),
    "USB and network ports": _("USB and network ports"),
    "Disc drive": _("Disc drive"),
    "Overheating and fan": _("Overheating and fan"),
    "Storage replacement": _("Storage replacement"),
    "Controller stick drift": _("Controller stick drift"),
    "Saved games and data recovery": _("Saved games and data recovery"),
    "Software and update faults": _("Software and update faults"),
    "USB-C charging port": _("USB-C charging port"),
    "Game card reader": _("Game card reader"),
    "Joy-Con stick drift": _("Joy-Con stick drift"),
    "Glass and display": _("Glass and display"),
    "Buttons and switches": _("Buttons and switches"),
    "Software and iPadOS restore": _("Software and iPadOS restore"),
    "Software and iOS restore": _("Software and iOS restore"),
    "Screen or display": _("Screen or display"),
    "Power and charging": _("Power and charging"),
    "Software and set-up": _("Software and set-up"),
}

DEVICES: dict[str, LazyString] = {
    "Computers": _("Computers"),
    "Consoles": _("Consoles"),
    "Other": _("Other"),
    "Windows Laptop": _("Windows Laptop"),
    "Gaming Laptop": _("Gaming Laptop"),
    "Desktop PC": _("Desktop PC"),
    "Gaming PC": _("Gaming PC"),
    "Other Android phones and tablets": _("Other Android phones and tablets"),
    "Other device": _("Other device"),
}

RULES: dict[str, LazyString] = {
    "Device older than 5 years": _("Device older than 5 years"),
    "Device in poor condition": _("Device in poor condition"),
    "Urgent repair": _("Urgent repair"),
    "VAT": _("VAT"),
}


def init_app(app: Flask) -> None:
    for name, words in (("repair", REPAIRS), ("family", DEVICES), ("rule", RULES)):
        app.jinja_env.filters[f"{name}_word"] = lambda text, words=words: words.get(text, text)
