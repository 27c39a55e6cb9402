"""A map from modules that programs import to the distributions on PyPI that provide them.

A distribution is never guessed from the name of a module: somebody may have registered a harmful
package under a name that models invent.
"""

from __future__ import annotations

_OTHER_NAME = """
attr=attrs Bio=biopython bs4=beautifulsoup4 cv2=opencv-python Crypto=pycryptodome
dateutil=python-dateutil discord=discord.py docx=python-docx dotenv=python-dotenv
fitz=PyMuPDF flask_cors=Flask-Cors flask_sqlalchemy=Flask-SQLAlchemy git=GitPython
github=PyGithub googleapiclient=google-api-python-client gi=PyGObject
igraph=python-igraph imblearn=imbalanced-learn IPython=ipython jose=python-jose jwt=PyJWT
kafka=kafka-python
langchain_core=langchain-core ldap=python-ldap magic=python-magic
markdown=Markdown mpl_toolkits=matplotlib mysql=mysql-connector-python MySQLdb=mysqlclient
nacl=PyNaCl OpenGL=PyOpenGL OpenSSL=pyOpenSSL osgeo=GDAL PIL=pillow
pkg_resources=setuptools pptx=python-pptx psycopg2=psycopg2-binary pylab=matplotlib
pythoncom=pywin32 pywt=PyWavelets
rest_framework=djangorestframework ruamel=ruamel.yaml sentence_transformers=sentence-transformers
serial=pyserial sklearn=scikit-learn skimage=scikit-image slugify=python-slugify
sqlalchemy=SQLAlchemy socks=PySocks telegram=python-telegram-bot tlz=toolz umap=umap-learn
usb=pyusb websocket=websocket-client win32api=pywin32 wx=wxPython yaml=PyYAML zmq=pyzmq
Xlib=python-xlib faiss=faiss-cpu fake_useragent=fake-useragent factory=factory-boy
multipart=python-multipart
speech_recognition=SpeechRecognition tabula=tabula-py pyaudio=PyAudio
"""

_SAME_NAME = """
Levenshtein openpyxl PyQt5 PyQt6 pynput pytesseract
aiofiles aiohttp altair arrow astropy black bokeh boto3 celery certifi cffi chardet click
coverage cryptography cvxpy cython dash dask django duckdb fastapi flask gensim geopandas h5py httpx
hypothesis jax jinja2 joblib keras kivy lightgbm lxml matplotlib mpmath mypy networkx nltk numba
numpy ollama openai orjson pandas paramiko patsy pendulum pexpect plotly polars praw prophet
psutil psycopg pyarrow pydantic pygame pygments pymongo pymysql pyperclip pypdf PyPDF2 pytest pytz
rasterio redis regex reportlab requests rich ruff scapy scipy scrapy seaborn selenium sh shapely
simpy six spacy starlette statsmodels streamlit sympy tabulate tensorflow tiktoken toml tomlkit
toolz torch torchvision tornado tqdm transformers typer tweepy twisted ujson urllib3 uvicorn
watchdog werkzeug wordcloud xgboost xlrd xlsxwriter xmltodict yfinance
"""

OTHER_NAMES = dict(pair.split("=") for pair in _OTHER_NAME.split())
"""Modules whose distribution has another name."""

DISTRIBUTIONS = {**{name: name for name in _SAME_NAME.split()}, **OTHER_NAMES}
