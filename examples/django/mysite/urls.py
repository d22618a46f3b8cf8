from django.urls import path

from mysite import views

urlpatterns = [
    path("", views.page, name="page"),
    path("greet/<str:name>/", views.page, name="greet"),
]
